/**
 * @file emulation.h
 * What the files of the emulation share: random choices, streams, and the memory of the device.
 */
#ifndef DIVA_TESTS_CUDA_EMULATION_H
#define DIVA_TESTS_CUDA_EMULATION_H

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>

/** Says what is wrong and ends the process: a fault of the code under test. */
[[noreturn]] void emulation_fault(const char *what);

/** A number below `count`, from the seed in the environment variable DIVA_CUDA_EMULATION_SEED. */
unsigned emulation_choice(unsigned count);

/** Queues work on a stream. */
cudaError_t emulation_enqueue(cudaStream_t stream, std::function<void()> work);

/** Runs every thread of every block of a grid. */
void emulation_run_grid(dim3 grid, dim3 block, const std::function<void()> &thread);

/** Opens all of the device's memory, and closes it to the host again. */
void emulation_open_memory();
void emulation_close_memory();

/** Whether the bytes lie in one allocation of the device, or of pinned memory. */
bool emulation_is_device(const void *data, size_t bytes);
bool emulation_is_pinned(const void *data, size_t bytes);

/** Runs what every stream has queued: what freeing memory waits for. */
void emulation_drain();

#endif
