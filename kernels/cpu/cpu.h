/** @file cpu.h The CPU backend: CBLAS, LAPACK and OpenMP; the reference in behaviour. */
#ifndef DIVA_CPU_H
#define DIVA_CPU_H

#include "kernels/backend.h"

extern const struct diva_backend_ops diva_cpu_ops;

#endif
