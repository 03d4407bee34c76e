#include "rlsp/remote/breaker.h"

bool breaker_allows(Breaker *breaker, double now, bool *probe)
{
    *probe = false;
    if (!breaker->open) {
        return true;
    }
    if (breaker->probing || now < breaker->until) {
        return false;
    }
    *probe           = true;
    breaker->probing = true;
    return true;
}

void breaker_success(Breaker *breaker)
{
    breaker->failures = 0;
    breaker->open = breaker->probing = breaker->probe_failed = false;
}

void breaker_failure(Breaker *breaker, bool probe, double now)
{
    breaker->failures += breaker->failures < UINT32_MAX;
    if (probe) {
        breaker->probing      = false;
        breaker->probe_failed = true;
        breaker->until        = now + breaker->pause;
    } else if (!breaker->open && breaker->limit > 0 && breaker->failures >= breaker->limit) {
        breaker->open  = true;
        breaker->until = now + breaker->pause;
    }
}

void breaker_forget_probe(Breaker *breaker)
{
    breaker->probing = false;
}

bool breaker_gave_up(const Breaker *breaker, double now)
{
    return breaker->open && breaker->probe_failed && !breaker->probing && now < breaker->until;
}

double breaker_next(const Breaker *breaker)
{
    return breaker->open && !breaker->probing ? breaker->until : 0;
}
