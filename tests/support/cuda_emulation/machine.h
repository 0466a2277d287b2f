/**
 * @file machine.h
 * The machine that the emulation stands for, as a test arranges it: driver, devices, memory. For
 * tests in C.
 */
#ifndef DIVA_TESTS_CUDA_EMULATION_MACHINE_H
#define DIVA_TESTS_CUDA_EMULATION_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes that a device has; a GiB unless a test says otherwise. */
void emulation_set_memory(int64_t bytes);

/** The most bytes ever taken at a time, since the last call of emulation_forget_peak(). */
int64_t emulation_memory_peak(void);
void emulation_forget_peak(void);

/** How often memory was taken, in all. */
int64_t emulation_allocations(void);

/** The next but `count` taking of memory fails, as where another process was there first; negative:
 * none does. */
void emulation_fail_allocation(int64_t count);

/** The newest CUDA that the driver supports, as 13010 for 13.1; 0: there is no driver. */
void emulation_set_driver(int version);

/** How many devices there are; negative: counting them fails, and nothing is written. */
void emulation_set_devices(int count);

/** The major version of cuBLAS, and whether a handle of it can be made. */
void emulation_set_cublas(int major, bool works);

#ifdef __cplusplus
}
#endif

#endif
