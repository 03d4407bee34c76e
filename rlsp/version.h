/* The version that --version, runs and model cards state. */
#ifndef RLSP_VERSION_H
#define RLSP_VERSION_H

extern const char rlsp_version[];

#endif
