#include "rlsp/remote/retry.h"

#include <math.h>

#include "engine/random.h"

double retry_delay(const RetryPolicy *policy, uint32_t serial, uint32_t tries)
{
    Random       random = random_stream(policy->seed, RANDOM_RETRY, serial, tries);
    const double delay  = ldexp(policy->first, (int)(tries < 32 ? tries : 32) - 1);
    return fmin(delay, policy->longest) * (0.5 + 0.5 * random_uniform(&random));
}

bool retry_status(long status)
{
    return status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599);
}
