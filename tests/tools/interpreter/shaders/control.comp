// Lanes that part: a loop of another length for each, a switch, an early end, an array of an invocation's own.
#version 450
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer In { uint numbers[]; };
layout(std430, binding = 1) buffer Out { uint results[]; };

void main()
{
    const uint i = gl_GlobalInvocationID.x;
    uint n = numbers[i], steps = 0, kind = 0;
    uint counts[4] = uint[4](0, 0, 0, 0);
    if (n == 0) {
        results[i] = 12345;
        return;
    }
    while (n != 1) {
        if (++steps > 1000)
            break;
        switch (n % 4) {
        case 0: kind += 1; break;
        case 2: kind += 10; // and as 3
        case 3: kind += 100; break;
        default: if (steps % 7 == 0) { n += 2; counts[3]++; continue; } kind += 1000;
        }
        counts[n % 4]++;
        n = n % 2 == 0 ? n / 2 : 3 * n + 1;
    }
    results[i] = steps + 3 * kind + 5 * counts[1] + 7 * counts[2] + 11 * counts[3] + 13 * counts[steps & 3];
}
