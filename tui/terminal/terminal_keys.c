#include "tui/terminal/terminal_parts.h"

#include <string.h>

/* Sequences that terminals send whatever their description says: those of xterm, the Linux console, rxvt, screen. */

static int of_arrow_letter(char letter)
{
    switch (letter) {
    case 'A': return KEY_CODE_UP;
    case 'B': return KEY_CODE_DOWN;
    case 'C': return KEY_CODE_RIGHT;
    case 'D': return KEY_CODE_LEFT;
    case 'H': return KEY_CODE_HOME;
    case 'F': return KEY_CODE_END;
    case 'P': return KEY_CODE_F1;
    case 'Q': return KEY_CODE_F2;
    case 'Z': return KEY_CODE_BACK_TAB;
    default: return KEY_CODE_NONE;
    }
}

static int of_number(int number)
{
    switch (number) {
    case 1:
    case 7: return KEY_CODE_HOME;
    case 4:
    case 8: return KEY_CODE_END;
    case 3: return KEY_CODE_DELETE;
    case 5: return KEY_CODE_PAGE_UP;
    case 6: return KEY_CODE_PAGE_DOWN;
    case 11: return KEY_CODE_F1;
    case 12: return KEY_CODE_F2;
    default: return KEY_CODE_NONE;
    }
}

/* "ESC O letter": arrows, function keys, the keypad. */
static int of_ss3(char letter)
{
    if (letter == 'M') {
        return KEY_CODE_ENTER;
    }
    if (letter >= 'j' && letter <= 'y') { /* in the order of ASCII: * + , - . / 0 to 9 */
        return letter - 'j' + '*';
    }
    return of_arrow_letter(letter);
}

/* A mouse report: bits 2 to 4 of a button are modifiers, 5 is movement, 6 the wheel. Columns and rows start at 1. */
static KeyFound of_mouse(int button, int x, int y, TerminalKey *key)
{
    enum { MODIFIERS = 4 | 8 | 16 };
    switch (button & ~MODIFIERS) {
    case 0: key->code = KEY_CODE_CLICK; break;
    case 64: key->code = KEY_CODE_WHEEL_UP; break;
    case 65: key->code = KEY_CODE_WHEEL_DOWN; break;
    default: return KEY_SKIPPED;
    }
    key->x = x > 0 ? x - 1 : 0;
    key->y = y > 0 ? y - 1 : 0;
    return KEY_FOUND;
}

static KeyFound found(int code, size_t length, TerminalKey *key, size_t *used)
{
    key->code = code;
    *used     = length;
    return code != KEY_CODE_NONE ? KEY_FOUND : KEY_SKIPPED;
}

/* "ESC [ parameters letter"; bytes are what follows the "[". *used counts those. */
static KeyFound read_csi(const char *bytes, size_t length, TerminalKey *key, size_t *used)
{
    if (length > 0 && bytes[0] == '[') { /* the Linux console: ESC [ [ A is F1 */
        if (length < 2) {
            return KEY_PARTIAL;
        }
        return found(bytes[1] == 'A' ? KEY_CODE_F1 : bytes[1] == 'B' ? KEY_CODE_F2 : KEY_CODE_NONE, 2, key, used);
    }
    if (length > 0 && bytes[0] == 'M') { /* a mouse report of the old form */
        if (length < 4) {
            return KEY_PARTIAL;
        }
        *used = 4;
        return of_mouse((unsigned char)bytes[1] - 32, (unsigned char)bytes[2] - 32, (unsigned char)bytes[3] - 32, key);
    }
    int    numbers[3] = {0, 0, 0}, count = 0;
    size_t i = 0;
    for (; i < length && bytes[i] >= 0x20 && bytes[i] < 0x40; i++) {
        if (bytes[i] == ';') {
            count++;
        } else if (bytes[i] >= '0' && bytes[i] <= '9' && count < 3 && numbers[count] < 100000) {
            numbers[count] = numbers[count] * 10 + (bytes[i] - '0');
        }
    }
    if (i == length) {
        return KEY_PARTIAL;
    }
    const char last = bytes[i];
    if (last < 0x40 || last == 0x7f) { /* a control byte or one of UTF-8 cuts it; that byte is still to be read */
        return found(KEY_CODE_NONE, i, key, used);
    }
    *used = i + 1;
    if (bytes[0] == '<') {
        return last == 'M' ? of_mouse(numbers[0], numbers[1], numbers[2], key) : KEY_SKIPPED;
    }
    if (bytes[0] == '?' || bytes[0] == '>') { /* the answer to a question */
        return KEY_SKIPPED;
    }
    return found(last == '~' ? of_number(numbers[0]) : of_arrow_letter(last), i + 1, key, used);
}

/* Starts with ESC. */
static KeyFound read_sequence(const char *bytes, size_t length, TerminalKey *key, size_t *used)
{
    if (length < 2) {
        return KEY_PARTIAL;
    }
    KeyFound result = KEY_PARTIAL;
    if (bytes[1] == '[') {
        result = read_csi(bytes + 2, length - 2, key, used);
        *used += 2;
    } else if (bytes[1] == 'O') {
        result = length < 3 ? KEY_PARTIAL : found(of_ss3(bytes[2]), 3, key, used);
        if (result == KEY_SKIPPED) { /* Escape, then "O", then something */
            result = found(KEY_CODE_ESCAPE, 1, key, used);
        }
    } else { /* Escape, then another key */
        result = found(KEY_CODE_ESCAPE, 1, key, used);
    }
    return result;
}

/* One character of UTF-8, or a byte of another locale, of which only ASCII is known. */
static KeyFound read_character(const TerminalCaps *caps, const char *bytes, size_t length, bool final, TerminalKey *key,
                               size_t *used)
{
    const unsigned char first = (unsigned char)bytes[0];
    const size_t        size  = first >= 0xC2 && first < 0xE0   ? 2
                                : first >= 0xE0 && first < 0xF0 ? 3
                                : first >= 0xF0 && first < 0xF5 ? 4
                                                                : 0;
    if (!caps->utf8 || size == 0) {
        return found(KEY_CODE_NONE, 1, key, used);
    }
    uint32_t code = first & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (i == length) {
            return final ? found(KEY_CODE_NONE, length, key, used) : KEY_PARTIAL;
        }
        if (((unsigned char)bytes[i] & 0xC0) != 0x80) {
            return found(KEY_CODE_NONE, i, key, used);
        }
        code = code << 6 | ((unsigned char)bytes[i] & 0x3Fu);
    }
    static const uint32_t least[] = {0, 0, 0xA0, 0x800, 0x10000}; /* C1 controls are no text */
    if (code < least[size] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
        code = KEY_CODE_NONE;
    }
    return found((int)code, size, key, used);
}

/* What the description says this key sends; the longest that fits. */
static KeyFound read_described(const TerminalCaps *caps, const char *bytes, size_t length, TerminalKey *key,
                               size_t *used)
{
    KeyFound result = KEY_SKIPPED;
    *used           = 0;
    for (int i = 0; i < caps->key_count; i++) {
        const CapText *text = &caps->keys[i].text;
        const size_t   same = length < text->length ? length : text->length;
        if (memcmp(bytes, text->bytes, same) != 0) {
            continue;
        }
        if (same < text->length) {
            return KEY_PARTIAL;
        }
        if (same > *used) {
            result = found(caps->keys[i].code, same, key, used);
        }
    }
    return result;
}

KeyFound keys_next(const TerminalCaps *caps, const char *bytes, size_t length, bool final, bool after_escape,
                   TerminalKey *key, size_t *used)
{
    memset(key, 0, sizeof *key);
    *used                     = 0;
    const unsigned char first = (unsigned char)bytes[0];
    if (after_escape && (first == '[' || first == 'O') && length > 1 && length < KEY_BYTES_MAX) {
        char whole[KEY_BYTES_MAX + 1] = {KEY_CODE_ESCAPE};
        memcpy(whole + 1, bytes, length);
        if (read_sequence(whole, length + 1, key, used) == KEY_FOUND && key->code != KEY_CODE_ESCAPE) {
            --*used;
            return KEY_FOUND;
        }
        memset(key, 0, sizeof *key);
    }
    KeyFound result = read_described(caps, bytes, length, key, used);
    if (result == KEY_FOUND || (result == KEY_PARTIAL && !final)) {
        return result;
    }
    if (first == KEY_CODE_ESCAPE) {
        result = read_sequence(bytes, length, key, used);
        if (result != KEY_PARTIAL) {
            return result;
        }
        if (length >= KEY_BYTES_MAX) {
            return found(KEY_CODE_NONE, length, key, used);
        }
        return final ? found(KEY_CODE_ESCAPE, 1, key, used) : KEY_PARTIAL;
    }
    switch (first) {
    case 0: return found(KEY_CODE_NONE, 1, key, used);
    case '\b': return found(KEY_CODE_BACKSPACE, 1, key, used);
    case '\n': return found(KEY_CODE_ENTER, 1, key, used);
    default: break;
    }
    return first < 0x80 ? found(first, 1, key, used) : read_character(caps, bytes, length, final, key, used);
}
