/* Layout as a property: at every size the panes are apart, inside, and not empty. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tui/pane/layout.h"

static void fill(char *cells, int width, int height, const LayoutBox *box, char mark)
{
    for (int y = box->y; y < box->y + box->height; y++) {
        for (int x = box->x; x < box->x + box->width; x++) {
            assert_true(x >= 0 && x < width && y >= 0 && y < height);
            assert_int_equal(cells[y * width + x], 0);
            cells[y * width + x] = mark;
        }
    }
}

static void check(int width, int height, Pane focus, bool maximised)
{
    Layout layout;
    layout_of(width, height, focus, maximised, &layout);
    char *cells = calloc((size_t)width * (size_t)height, 1);
    assert_non_null(cells);
    fill(cells, width, height, &layout.head, 'h');
    fill(cells, width, height, &layout.foot, 'f');
    int shown = 0;
    for (int i = 0; i < PANE_COUNT; i++) {
        const LayoutBox *box = &layout.panes[i];
        assert_true((box->width > 0) == (box->height > 0));
        shown += box->width > 0;
        fill(cells, width, height, box, (char)('0' + i));
    }
    assert_true(layout.panes[focus].width > 0);
    assert_true(!maximised || shown == 1);
    assert_null(memchr(cells, 0, (size_t)width * (size_t)height)); /* nothing is left unused */
    for (int i = 0; i < PANE_COUNT; i++) {
        const LayoutBox *box = &layout.panes[i];
        if (box->width > 0) {
            assert_int_equal(layout_pane_at(&layout, box->x + box->width - 1, box->y), i);
        }
    }
    free(cells);
}

static void test_all_sizes(void **state)
{
    (void)state;
    for (int width = 1; width <= 300; width += width < 170 ? 1 : 13) {
        for (int height = 1; height <= 100; height++) {
            for (int focus = 0; focus < PANE_COUNT; focus++) {
                check(width, height, (Pane)focus, false);
            }
            check(width, height, PANE_LOG, true);
        }
    }
}

static void test_large_shows_all_small_shows_one(void **state)
{
    (void)state;
    Layout layout;
    layout_of(200, 60, PANE_REWARD, false, &layout);
    for (int i = 0; i < PANE_COUNT; i++) {
        assert_true(layout.panes[i].width > 0);
    }
    layout_of(80, 24, PANE_REWARD, false, &layout);
    assert_true(layout.panes[PANE_TRACES].width >= 36);
    layout_of(20, 5, PANE_TRACES, false, &layout);
    for (int i = 0; i < PANE_COUNT; i++) {
        assert_int_equal(layout.panes[i].width > 0, i == PANE_TRACES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_sizes),
        cmocka_unit_test(test_large_shows_all_small_shows_one),
    };
    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
