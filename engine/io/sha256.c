#include "engine/io/sha256.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 20 };

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn(uint32_t x, int bits)
{
    return x >> bits | x << (32 - bits);
}

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void add_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++) {
        w[i] = big_endian(block + 4 * (size_t)i);
    }
    for (int i = 16; i < 64; i++) {
        const uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
    }
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 64; i++) {
        const uint32_t e = s[4], a = s[0];
        const uint32_t first =
            s[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & s[5]) ^ (~e & s[6])) + constants[i] + w[i];
        const uint32_t second = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += first;
        s[0] = first + second;
    }
    for (int i = 0; i < 8; i++) {
        state[i] += s[i];
    }
}

void sha256_begin(Sha256 *sha)
{
    *sha = (Sha256){
        .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void sha256_add(Sha256 *sha, const void *data, size_t bytes)
{
    const uint8_t *at      = data;
    const size_t   waiting = sha->bytes % sizeof sha->block;
    sha->bytes += bytes;
    if (waiting > 0) {
        const size_t room = sizeof sha->block - waiting, taken = bytes < room ? bytes : room;
        memcpy(sha->block + waiting, at, taken);
        at += taken;
        bytes -= taken;
        if (taken < room) {
            return;
        }
        add_block(sha->state, sha->block);
    }
    for (; bytes >= sizeof sha->block; at += sizeof sha->block, bytes -= sizeof sha->block) {
        add_block(sha->state, at);
    }
    if (bytes > 0) {
        memcpy(sha->block, at, bytes);
    }
}

void sha256_end(Sha256 *sha, char hex[SHA256_HEX])
{
    const uint64_t bits = sha->bytes * 8;
    uint8_t        end[8], zero = 0, one = 0x80;
    for (int i = 0; i < 8; i++) {
        end[i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    sha256_add(sha, &one, 1);
    while (sha->bytes % 64 != 56) {
        sha256_add(sha, &zero, 1);
    }
    sha256_add(sha, end, sizeof end);
    for (int i = 0; i < 8; i++) {
        snprintf(hex + 8 * (size_t)i, 9, "%08x", (unsigned)sha->state[i]);
    }
}

Status sha256_file(const char *path, char hex[SHA256_HEX], Error *error)
{
    FILE    *file   = fopen(path, "rb");
    uint8_t *piece  = malloc(PIECE);
    Status   status = file == NULL    ? error_set(error, STATUS_BAD_INPUT, "cannot read %s: %s", path, strerror(errno))
                      : piece == NULL ? error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while reading %s", path)
                                      : STATUS_OK;
    Sha256   sha;
    sha256_begin(&sha);
    for (size_t bytes; status == STATUS_OK && (bytes = fread(piece, 1, PIECE, file)) > 0;) {
        sha256_add(&sha, piece, bytes);
    }
    if (status == STATUS_OK && ferror(file)) {
        status = error_set(error, STATUS_BAD_INPUT, "cannot read %s: %s", path, strerror(errno));
    }
    sha256_end(&sha, hex);
    free(piece);
    if (file != NULL) {
        fclose(file);
    }
    return status;
}
