/* What `rlsp devices` says of a device's matrix products: which kernels there are, which are taken by the table and by
 * what was measured, and how fast these were. */
#ifndef RLSP_CLI_DEVICES_H
#define RLSP_CLI_DEVICES_H

#include "engine/vk/device.h"
#include "rlsp/run/json_line.h"

/* "products": the kernels; "choices": what is taken, by type and class of shapes; "measured": when. */
void devices_put_products(JsonLine *line, const GpuInfo *info);
void devices_print_products(const GpuInfo *info);

/* Measures the products of all types on the device and keeps that in the cache folder, with a line on stderr. */
Status devices_measure(const GpuInfo *info, Error *error);

#endif
