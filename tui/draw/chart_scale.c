#include "tui/draw/chart_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char units[] = " kMGT";

/* --- numbers */

/* `value` in the unit that keeps it below 1000; '\0': there is none. */
static char unit_of(double size, double *factor)
{
    *factor = 1;
    for (int i = 0; i < (int)sizeof units - 1; i++, *factor *= 1e3) {
        if (size < 999.5 * *factor) {
            return units[i];
        }
    }
    return '\0';
}

void chart_number(double value, char out[16])
{
    double factor;
    char   text[32], unit = unit_of(fabs(value), &factor);
    out[0] = '\0';
    if (isnan(value)) {
        return;
    }
    if (value == 0 || isinf(value)) {
        snprintf(out, 16, "%s", value == 0 ? "0" : value > 0 ? "inf" : "-inf");
        return;
    }
    for (int digits = 3; digits >= 1; digits--) {
        int length = unit == '\0' || unit == ' ' ? snprintf(text, sizeof text, "%.*g", digits, value)
                                                 : snprintf(text, sizeof text, "%.*g%c", digits, value / factor, unit);
        if (length <= 8) {
            break;
        }
    }
    snprintf(out, 16, "%.8s", text);
}

/* --- ticks */

static int linear_ticks(double low, double high, int most, double *ticks)
{
    static const double mantissas[] = {1, 2, 5};
    const double        size = fmax(fabs(low), fabs(high)), least = high / most - low / most;
    if (!(least > 1e-290) || least * most < size * 1e-12) {
        return 0; /* no room for a number between the two ends */
    }
    for (int exponent = (int)floor(log10(least)), i = 0;; i++) {
        if (i == 3) {
            i = 0;
            exponent++;
        }
        /* Dividing by a whole power of ten gives the double nearest to the decimal fraction, so 0.3 is 0.3. */
        const double power = pow(10, fabs((double)exponent)), mantissa = mantissas[i];
        const double step = exponent < 0 ? mantissa / power : mantissa * power;
        if (!isfinite(step)) {
            ticks[0] = 0;
            return low <= 0 && high >= 0 ? 1 : 0;
        }
        const double first = ceil(low / step), last = floor(high / step);
        if (last - first >= most) {
            continue;
        }
        int count = 0;
        for (double index = first; index <= last; index++) {
            const double tick = exponent < 0 ? index * mantissa / power : index * mantissa * power;
            if (tick >= low && tick <= high && count < most) {
                ticks[count++] = tick + 0.0; /* never -0 */
            }
        }
        return count;
    }
}

/* Powers of ten whose exponents are multiples of `stride`, each with its double and fivefold if `between`. Returns how
 * many lie in [low, high]; those beyond `most` are counted, not kept. */
static int powers_of_ten(double low, double high, int stride, bool between, int most, double *ticks)
{
    static const double mantissas[] = {1, 2, 5};
    const int           first = (int)floor(log10(low) / stride) * stride, last = (int)ceil(log10(high));
    int                 count = 0;
    for (int exponent = first; exponent <= last && count <= most; exponent += stride) {
        const double power = pow(10, abs(exponent));
        for (int i = 0; i < (between ? 3 : 1) && count <= most; i++) {
            const double tick = exponent < 0 ? mantissas[i] / power : mantissas[i] * power;
            if (tick >= low && tick <= high && isfinite(tick)) {
                if (count < most) {
                    ticks[count] = tick;
                }
                count++;
            }
        }
    }
    return count;
}

static int log_ticks(double low, double high, int most, double *ticks)
{
    if (!(low > 0)) {
        return 0;
    }
    const int decades = (int)(log10(high) - log10(low)), least = decades / most;
    int       count = decades < most ? powers_of_ten(low, high, 1, true, most, ticks) : most + 1;
    for (int stride = least > 1 ? least : 1; count > most; stride++) {
        count = powers_of_ten(low, high, stride, false, most, ticks);
    }
    return count >= 2 ? count : linear_ticks(low, high, most, ticks);
}

int chart_ticks(double low, double high, int most, bool log, double *ticks)
{
    most = most < 2 ? 2 : most > TICKS_MAX ? TICKS_MAX : most;
    if (!isfinite(low) || !isfinite(high) || !(low < high)) {
        return 0;
    }
    return log ? log_ticks(low, high, most, ticks) : linear_ticks(low, high, most, ticks);
}

/* --- labels */

/* Digits after the point that a multiple of `step` needs. */
static int places_of(double step)
{
    int places = 0;
    while (places < 12 && fabs(step - round(step)) > 1e-6 * step) {
        step *= 10;
        places++;
    }
    return places;
}

typedef enum LabelStyle { LABEL_PLAIN, LABEL_UNIT, LABEL_EXPONENT, LABEL_STYLES } LabelStyle;

static int format_label(double value, double step, double size, LabelStyle style, char *out, size_t room)
{
    double factor = 1;
    char   unit   = unit_of(size, &factor);
    int    digits = (int)(floor(log10(fabs(value)) + 1e-9) - floor(log10(step) + 1e-9));
    if (value == 0) {
        return snprintf(out, room, "0");
    }
    switch (style) {
    case LABEL_UNIT: return snprintf(out, room, "%.*f%c", places_of(step / factor), value / factor, unit);
    case LABEL_EXPONENT: return snprintf(out, room, "%.*e", digits > 0 ? digits : 0, value);
    default: return snprintf(out, room, "%.*f", places_of(step), value);
    }
}

/* The style in which the longest label is shortest. */
static LabelStyle choose_style(const AxisTicks *ticks, double step, double size, int *longest)
{
    const LabelStyle order[2][LABEL_STYLES] = {{LABEL_PLAIN, LABEL_UNIT, LABEL_EXPONENT},
                                               {LABEL_UNIT, LABEL_PLAIN, LABEL_EXPONENT}};
    LabelStyle       best                   = LABEL_PLAIN;
    *longest                                = TICK_BYTES;
    for (int s = 0; s < LABEL_STYLES; s++) {
        const LabelStyle style = order[size >= 1e4 ? 1 : 0][s];
        double           factor;
        char             text[400];
        int              length = 0;
        if ((style == LABEL_UNIT && (size < 1000 || unit_of(size, &factor) == '\0')) ||
            (style == LABEL_EXPONENT && size >= 1e-4 && size < 1e15)) {
            continue;
        }
        for (int i = 0; i < ticks->count; i++) {
            const int one = format_label(ticks->values[i], step, size, style, text, sizeof text);
            length        = one > length ? one : length;
        }
        if (length < *longest) {
            best     = style;
            *longest = length;
        }
    }
    return best;
}

static void label_ticks(AxisTicks *ticks, bool log, const char *suffix)
{
    enum { LABEL_MOST = 11 };
    const double step = ticks->count >= 2 ? ticks->values[1] - ticks->values[0] : 0;
    double       size = 0;
    for (int i = 0; i < ticks->count; i++) {
        size = fmax(size, fabs(ticks->values[i]));
    }
    int              longest = TICK_BYTES;
    const LabelStyle style   = step > 0 && !log ? choose_style(ticks, step, size, &longest) : LABEL_PLAIN;
    for (int i = 0; i < ticks->count; i++) {
        char text[TICK_BYTES];
        if (longest > LABEL_MOST) {
            chart_number(ticks->values[i], text);
        } else {
            format_label(ticks->values[i], step, size, style, text, sizeof text);
        }
        const int width = snprintf(ticks->labels[i], TICK_BYTES, "%.12s%.2s", text, suffix != NULL ? suffix : "");
        ticks->width    = width > ticks->width ? width : ticks->width;
    }
}

void axis_ticks(const Scale *scale, int most, bool whole, const char *suffix, AxisTicks *ticks)
{
    ticks->width = 0;
    ticks->count = chart_ticks(scale->low, scale->high, most, scale->log, ticks->values);
    int kept     = 0;
    for (int i = 0; i < ticks->count; i++) {
        if (!whole || ticks->values[i] == round(ticks->values[i])) {
            ticks->values[kept++] = ticks->values[i];
        }
    }
    ticks->count = kept;
    /* Ticks of a short piece of a logarithmic axis are evenly spaced, like those of a linear one. */
    label_ticks(ticks, scale->log && scale->high / scale->low > 3, suffix);
}

/* --- scales */

double scale_share(const Scale *scale, double value)
{
    if (scale->log) {
        return (log10(value) - log10(scale->low)) / (log10(scale->high) - log10(scale->low));
    }
    return (value - scale->low) / (scale->high - scale->low);
}

Scale scale_around(double low, double high, bool log)
{
    enum { MARGIN_PARTS = 20 };    /* of the span, on both sides                 */
    const double near_zero = 0.15; /* of the size: zero is worth so much of the height */
    const double size = fmax(fabs(low), fabs(high)), least = 1e-6 * size;
    if (log) {
        const double factor = high / low > 1 + 1e-6 ? pow(high / low, 1.0 / MARGIN_PARTS) : 2;
        return (Scale){low / factor, high * factor, true};
    }
    const double margin = high - low > least ? (high - low) / MARGIN_PARTS : size > 0 ? size / 2 : 1;
    Scale        scale  = {low - margin, high + margin, false};
    if (low >= 0 && (scale.low < 0 || low < near_zero * high)) {
        scale.low = 0;
    } else if (high < 0 && (scale.high > 0 || -high < near_zero * -low)) {
        scale.high = 0;
    }
    return scale;
}
