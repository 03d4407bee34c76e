// A row in panels of PANEL floats, each from where all lanes share its address (gemm_lanes.glsl): several a turn of a loop,
// whose counter is in shared memory, as in gemm_lanes.comp. The host makes sure that the row is whole turns.
#ifndef ROW_PANELS_GLSL
#define ROW_PANELS_GLSL

layout(constant_id = 1) const uint PANELS_A_TURN = 4;
layout(constant_id = 2) const bool ONE_TURN = false; // is the row, so that there is no loop
shared uint next_column;

// The kernel's: what it does with columns [column, column + PANEL), and before and after those of a turn.
void take_panel(uint column);
void begin_turn();
void end_turn();

void take_panels(uint column)
{
    begin_turn();
    [[unroll]] for (uint i = 0; i < PANELS_A_TURN; i++) {
        take_panel(column + i * PANEL);
    }
    end_turn();
}

void take_row(uint width)
{
    if (ONE_TURN) {
        take_panels(0);
        return;
    }
    if (lane_is[0]) {
        next_column = 0;
    }
    uint turn;
    do {
        turn = next_column;
        if (lane_is[0]) {
            next_column = turn + PANELS_A_TURN * PANEL;
        }
        take_panels(turn);
    } while (turn + PANELS_A_TURN * PANEL < width);
}

#endif
