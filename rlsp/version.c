#include "rlsp/version.h"

const char rlsp_version[] = "0.1.0";
