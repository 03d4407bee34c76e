/* Charts as properties, over sizes and hostile data; ticks, numbers, and smoothing against a float64 reference. */
#include "tests/tui/chart_series.h"

static uint64_t random_state = 88172645463325252u;

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static double random_double(void)
{
    const uint64_t bits = random_bits();
    double         value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double random_share(void)
{
    return (double)(random_bits() >> 11) * 0x1p-53;
}

/* Draws into a part of a larger canvas and looks whether the rest is as it was. Returns the cells that show something.
 */
static int check_inside(int width, int height, const Chart *chart, const Histogram *histogram, Glyphs glyphs)
{
    Canvas *canvas = canvas_new(width + 5, height + 4);
    assert_non_null(canvas);
    area_fill(canvas_area(canvas), '~', INK_BAD, 0);
    const Area area = area_part(canvas_area(canvas), 3, 2, width, height);
    area_fill(area, ' ', INK_TEXT, 0);
    if (chart != NULL) {
        chart_draw(area, chart, glyphs);
    } else {
        histogram_draw(area, histogram, glyphs);
    }
    int  shown = 0;
    bool kept = true, whole = true, ascii = true;
    for (int y = 0; y < canvas->height; y++) {
        for (int x = 0; x < canvas->width; x++) {
            const Cell *cell   = cell_at(canvas, x, y);
            const bool  inside = x >= 3 && x < 3 + width && y >= 2 && y < 2 + height;
            kept  = kept && (inside || (cell->codes[0] == '~' && cell->ink == INK_BAD && cell->width == 1));
            whole = whole && (cell->codes[0] != 0 || cell->width == 0);
            ascii = ascii && (cell->codes[0] < 0x80 || cell->codes[0] >= 0x3000); /* those are in a name */
            shown += inside && cell->codes[0] != ' ';
        }
    }
    assert_true(kept && whole && (ascii || glyphs != GLYPHS_ASCII));
    canvas_free(canvas);
    return shown;
}

static const double hostile_x[] = {-INFINITY, -DBL_MAX, -1e300, -1, -0.0, 0, 1, 1, 1, 2, NAN, 3, 1e9, 2, 1e299, 1e308};
static const float  hostile_y[] = {0,  FLT_MAX, -FLT_MAX, NAN, INFINITY, 1e-45f, 1, -INFINITY,
                                   -1, 1,       5,        NAN, 1e30f,    2,      3, FLT_MAX};
static const float  hostile_band[] = {-1,    FLT_MAX,   0, NAN, 1, INFINITY, 1, 2,
                                      1e30f, -INFINITY, 0, 0,   1, NAN,      3, FLT_MAX};

enum { HOSTILE = sizeof hostile_y / sizeof *hostile_y };

static Chart hostile_chart(int variant, ChartSeries series[3])
{
    series[0] = (ChartSeries){"hostile \x1b[31m\xff", hostile_x, hostile_y, hostile_band, HOSTILE, INK_SERIES_0};
    series[1] = (ChartSeries){NULL, xs, hostile_y, NULL, HOSTILE, INK_SERIES_1};
    series[2] = (ChartSeries){"\xe4\xbd\xa0\xe5\xa5\xbd", xs, rise, spread, POINTS, INK_SERIES_2};
    const Chart charts[] = {
        {.series = series, .series_count = 3},
        {.title = "a title", .series = series, .series_count = 3, .legend = true, .smoothing = 0.9, .cursor = true},
        {.series = series, .series_count = 3, .legend = true, .log_y = true, .smoothing = 0.99, .unit = "%"},
        {.series = series, .series_count = 1, .x_min = 0.5, .x_max = 0.5, .y_min = 2, .y_max = 1, .unit = "tokens"},
        {.series = series + 1, .series_count = 1, .x_min = -DBL_MAX, .x_max = DBL_MAX, .cursor = true, .cursor_x = NAN},
        {.series       = series + 1,
         .series_count = 2,
         .x_min        = 3,
         .x_max        = 4.5,
         .y_min        = 1e-300,
         .y_max        = 1e300,
         .log_y        = true,
         .cursor       = true,
         .cursor_x     = 4},
        {.series       = series + 2,
         .series_count = 1,
         .x_min        = 1e-5,
         .x_max        = 2e-5,
         .cursor       = true,
         .cursor_x     = 1.5e-5,
         .legend       = true},
        {.series = series + 2, .series_count = 1, .y_min = 0.5, .y_max = 0.5000001, .smoothing = 7, .legend = true},
        {.series = series + 2, .series_count = 1, .y_min = -INFINITY, .y_max = NAN, .smoothing = NAN},
        {.series       = series,
         .series_count = 2,
         .x_min        = NAN,
         .x_max        = 1,
         .cursor       = true,
         .cursor_x     = INFINITY,
         .legend       = true},
    };
    return charts[variant % (int)(sizeof charts / sizeof *charts)];
}

static void test_nothing_outside(void **state)
{
    (void)state;
    for (int width = 1; width <= 60; width++) {
        for (int height = 1; height <= 20; height++) {
            for (int variant = 0; variant < 10; variant++) {
                for (int glyphs = 0; glyphs < 3; glyphs++) {
                    ChartSeries series[3];
                    const Chart chart = hostile_chart(variant, series);
                    assert_true(check_inside(width, height, &chart, NULL, (Glyphs)glyphs) > 0);
                }
            }
        }
    }
}

static void test_histogram_nothing_outside(void **state)
{
    (void)state;
    const Histogram histograms[] = {
        {rise, fall, POINTS, 0, 4096, "tokens", "now", "start"},
        {hostile_y, hostile_band, HOSTILE, -INFINITY, NAN, NULL, "now", NULL},
        {hostile_band, NULL, HOSTILE, 1, 1, "\xff", NULL, NULL},
        {rise, NULL, 0, 0, 1, NULL, NULL, NULL},
        {NULL, NULL, 5, 0, 1, NULL, NULL, NULL},
        {rise, rise, 1, -DBL_MAX, DBL_MAX, NULL, NULL, "start"},
    };
    for (int width = 1; width <= 60; width++) {
        for (int height = 1; height <= 20; height++) {
            for (size_t i = 0; i < sizeof histograms / sizeof *histograms; i++) {
                for (int glyphs = 0; glyphs < 3; glyphs++) {
                    assert_true(check_inside(width, height, NULL, &histograms[i], (Glyphs)glyphs) > 0);
                }
            }
        }
    }
}

/* One high and one low point among many stay where there are a thousand points to a column. */
static void test_extremes_are_kept(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    double *x = calloc(MANY, sizeof *x);
    float  *y = calloc(MANY, sizeof *y);
    for (int i = 0; i < MANY; i++) {
        x[i] = i;
    }
    y[7123]                  = 1;
    y[14321]                 = -1;
    const ChartSeries series = {"a", x, y, NULL, MANY, INK_SERIES_0};
    for (int glyphs = 0; glyphs < 3; glyphs++) {
        Canvas     *canvas = canvas_new(40, 9);
        const Chart chart  = {.series = &series, .series_count = 1, .y_min = -1, .y_max = 1};
        chart_draw(canvas_area(canvas), &chart, (Glyphs)glyphs);
        int high = 0, low = 0;
        for (int column = 3; column < 40; column++) {
            high += cell_at(canvas, column, 0)->ink == INK_SERIES_0;
            low += cell_at(canvas, column, 6)->ink == INK_SERIES_0;
        }
        assert_int_equal(high, 1);
        assert_int_equal(low, 1);
        canvas_free(canvas);
    }
    free(x);
    free(y);
}

/* On the row of x labels there are at least two blanks between any two labels. */
static void test_labels_do_not_meet(void **state)
{
    (void)state;
    int labels = 0;
    for (int i = 0; i < 3000; i++) {
        double x[2]              = {random_share() * pow(10, random_share() * 12 - 3), 0};
        x[1]                     = x[0] + random_share() * pow(10, random_share() * 12 - 3);
        const float       y[]    = {0, 1};
        const ChartSeries series = {"a", x, y, NULL, 2, INK_SERIES_0};
        const Chart       chart  = {.series       = &series,
                                    .series_count = 1,
                                    .cursor       = i % 2 == 0,
                                    .cursor_x     = x[0] + (x[1] - x[0]) * random_share()};
        const int         width  = 12 + (int)(random_bits() % 150);
        Canvas           *canvas = canvas_new(width, 8);
        chart_draw(canvas_area(canvas), &chart, GLYPHS_ASCII);
        for (int column = 1; column + 1 < width; column++) {
            const bool blank  = cell_at(canvas, column, 7)->codes[0] == ' ';
            const bool begins = cell_at(canvas, column - 1, 7)->codes[0] == ' ' && !blank;
            assert_false(blank && cell_at(canvas, column - 1, 7)->codes[0] != ' ' &&
                         cell_at(canvas, column + 1, 7)->codes[0] != ' ');
            labels += begins;
        }
        canvas_free(canvas);
    }
    assert_true(labels > 3000);
}

/* The nearest of 1, 2, 5 times a power of ten. */
static double round_near(double value)
{
    const double power    = pow(10, floor(log10(value) + 1e-6));
    const double mantissa = value / power;
    return power * (mantissa < 1.5 ? 1 : mantissa < 3.5 ? 2 : 5);
}

static bool is_round(double value)
{
    return value > 0 && fabs(value / round_near(value) - 1) < 1e-6;
}

static void check_ticks(double low, double high, int most, bool log)
{
    double    ticks[16];
    const int count = chart_ticks(low, high, most, log, ticks);
    assert_in_range(count, 1, most);
    for (int i = 0; i < count; i++) {
        assert_true(ticks[i] >= low && ticks[i] <= high);
        assert_true(i == 0 || ticks[i] > ticks[i - 1]);
    }
    const double step   = count >= 2 ? ticks[1] - ticks[0] : 1;
    bool         spaced = count == 1 || is_round(step), powers = true;
    for (int i = 0; i < count; i++) {
        const double index = ticks[i] / round_near(step);
        spaced             = spaced && (count == 1 || fabs(index - round(index)) < 1e-6);
        powers             = powers && is_round(ticks[i]);
    }
    assert_true(spaced || (log && powers));
}

static void test_ticks(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        const double low  = (random_share() - 0.5) * pow(10, random_share() * 60 - 30);
        const double high = low + (fabs(low) * 1e-6 + random_share() * pow(10, random_share() * 60 - 30));
        check_ticks(low, high, 2 + (int)(random_bits() % 15), false);
    }
    for (int i = 0; i < 200000; i++) {
        const double low = pow(10, random_share() * 60 - 30);
        check_ticks(low, low * pow(10, 1e-4 + random_share() * random_share() * 40), 2 + (int)(random_bits() % 15),
                    true);
    }
    double ticks[16];
    assert_int_equal(chart_ticks(0, 1, 6, false, ticks), 6);
    assert_true(ticks[3] == 0.2 * 3 || ticks[3] == 0.6);
    assert_int_equal(chart_ticks(0, 1, 5, false, ticks), 3); /* 0 0.5 1 */
    assert_int_equal(chart_ticks(1, 1000, 4, true, ticks), 4);
    assert_true(ticks[0] == 1 && ticks[1] == 10 && ticks[3] == 1000);
    assert_int_equal(chart_ticks(1, 100, 16, true, ticks), 7); /* 1 2 5 10 20 50 100 */
    assert_true(ticks[1] == 2 && ticks[2] == 5 && ticks[5] == 50);
    assert_int_equal(chart_ticks(1, 1, 5, false, ticks), 0);
    assert_int_equal(chart_ticks(2, 1, 5, false, ticks), 0);
    assert_int_equal(chart_ticks(NAN, 1, 5, false, ticks), 0);
    assert_int_equal(chart_ticks(0, INFINITY, 5, false, ticks), 0);
    assert_int_equal(chart_ticks(-1, 10, 5, true, ticks), 0);
    for (int i = 0; i < 100000; i++) { /* any doubles: it ends, and says no more than it was asked for */
        const int most = 2 + (int)(random_bits() % 15);
        assert_in_range(chart_ticks(random_double(), random_double(), most, i % 2 == 0, ticks), 0, most);
    }
    assert_in_range(chart_ticks(-DBL_MAX, DBL_MAX, 2, false, ticks), 1, 2);
    assert_in_range(chart_ticks(DBL_TRUE_MIN, DBL_MAX, 3, true, ticks), 2, 3);
}

/* What is read back is what was written, but for rounding. */
static double number_back(const char *text)
{
    char        *end;
    const double value = strtod(text, &end), factors[] = {1e3, 1e6, 1e9, 1e12};
    const char  *unit = *end != '\0' ? strchr("kMGT", *end) : NULL;
    assert_true(*end == '\0' || (unit != NULL && end[1] == '\0'));
    return unit != NULL ? value * factors[unit - "kMGT"] : value;
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        double      value;
        const char *text;
    } numbers[] = {{0.25, "0.25"},
                   {1200, "1.2k"},
                   {3.4e6, "3.4M"},
                   {1e-5, "1e-05"},
                   {NAN, ""},
                   {0, "0"},
                   {-0.0, "0"},
                   {INFINITY, "inf"},
                   {-INFINITY, "-inf"},
                   {999.4, "999"},
                   {999.6, "1k"},
                   {-1234567, "-1.23M"},
                   {0.123456, "0.123"},
                   {12345, "12.3k"},
                   {1e15, "1e+15"},
                   {999.4e12, "999T"},
                   {-1.25e-300, "-1e-300"},
                   {100, "100"},
                   {0.001, "0.001"}};
    char text[16];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        chart_number(numbers[i].value, text);
        assert_string_equal(text, numbers[i].text);
    }
    for (int i = 0; i < 500000; i++) {
        const double value = i % 2 == 0 ? random_double() : (random_share() - 0.5) * pow(10, random_share() * 40 - 20);
        chart_number(value, text);
        assert_true(strlen(text) <= 8);
        if (isfinite(value)) {
            const double size = fabs(value), tolerance = size >= 1e-3 && size < 1e15 ? 0.0051 : 0.34;
            assert_true(size < 1e-300 || size > 1e307 || fabs(number_back(text) - value) <= tolerance * size);
        }
    }
}

/* The mean of all finite points so far, each weighted by smoothing^(number of finite points since). */
static void test_smoothing(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    static const double smoothings[] = {0, 0.3, 0.6, 0.9, 0.97, 0.99};
    float               y[COUNT], out[COUNT];
    for (int i = 0; i < COUNT; i++) {
        y[i] = i % 7 == 3 ? NAN : i % 50 == 20 ? INFINITY : (float)(random_share() * 10 - 3 + i * 0.1);
    }
    y[0] = NAN;
    for (size_t s = 0; s < sizeof smoothings / sizeof *smoothings; s++) {
        chart_smooth(y, COUNT, smoothings[s], out);
        for (int i = 0; i < COUNT; i++) {
            if (!isfinite(y[i])) {
                assert_true(isnan(out[i]));
                continue;
            }
            double sum = 0, weights = 0, weight = 1;
            for (int j = i; j >= 0; j--) {
                if (isfinite(y[j])) {
                    sum += weight * (double)y[j];
                    weights += weight;
                    weight *= smoothings[s];
                }
            }
            assert_true(fabs((double)out[i] - sum / weights) <= 1e-6 * fabs(sum / weights) + 1e-7);
        }
    }
    chart_smooth(y, 0, 0.5, NULL);
}

/* The legend reads the value that chart_smooth gives, also where only the end of a long series is shown. */
static void test_readings(void **state)
{
    (void)state;
    enum { COUNT = 9000 };
    double *x = calloc(COUNT, sizeof *x);
    float  *y = calloc(COUNT, sizeof *y), *smooth = calloc(COUNT, sizeof *smooth);
    for (int i = 0; i < COUNT; i++) {
        x[i] = i;
        y[i] = i % 7 != 0 ? NAN : (float)(i < 7000 ? 500 + random_share() : i % 500);
    }
    chart_smooth(y, COUNT, 0.99, smooth);
    const ChartSeries series = {"a", x, y, NULL, COUNT, INK_SERIES_0};
    for (int i = 7000; i < COUNT; i += 49) {
        char smoothed[16], raw[16], expected[64];
        chart_number((double)smooth[i], smoothed);
        chart_number((double)y[i], raw);
        for (int cursor = 0; cursor < 2; cursor++) {
            Chart chart    = {.series       = &series,
                              .series_count = 1,
                              .smoothing    = 0.99,
                              .legend       = true,
                              .x_min        = i - 5,
                              .x_max        = i + 3,
                              .cursor       = cursor};
            chart.cursor_x = i + 3; /* nearer to this point than to the next */
            snprintf(expected, sizeof expected, cursor ? "a %s (%s)\n" : "a %s\n", smoothed, raw);
            Canvas *canvas = canvas_new(30, 2);
            chart_draw(canvas_area(canvas), &chart, GLYPHS_BRAILLE);
            char *text = text_of(canvas);
            assert_memory_equal(text, expected, strlen(expected));
            free(text);
            canvas_free(canvas);
        }
    }
    free(x);
    free(y);
    free(smooth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_outside),
        cmocka_unit_test(test_histogram_nothing_outside),
        cmocka_unit_test(test_extremes_are_kept),
        cmocka_unit_test(test_labels_do_not_meet),
        cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_smoothing),
        cmocka_unit_test(test_readings),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
