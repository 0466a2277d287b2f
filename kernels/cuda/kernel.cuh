/**
 * @file kernel.cuh
 * What the kernels share: a warp for each row, sums over a warp, values as stored.
 */
#ifndef DIVA_CUDA_KERNEL_CUH
#define DIVA_CUDA_KERNEL_CUH

#include "launch.cuh"
#include "launches.h"

#include <diva/dataset.h>

#include <cmath>
#include <cstring>

enum { DIVA_WARP = 32, DIVA_BLOCK = 256, DIVA_WARPS_A_BLOCK = DIVA_BLOCK / DIVA_WARP };

/** Blocks for one thread an element, and for one warp a row. */
static inline dim3 diva_blocks_for(int64_t count, int64_t each) {
  return dim3(static_cast<unsigned>((count + each - 1) / each));
}

static inline dim3 diva_blocks_for_rows(int64_t rows) {
  return diva_blocks_for(rows, DIVA_WARPS_A_BLOCK);
}

/** The row of the calling warp, one warp a row. */
static __device__ inline int64_t diva_row_of_warp() {
  return static_cast<int64_t>(blockIdx.x) * DIVA_WARPS_A_BLOCK + threadIdx.x / DIVA_WARP;
}

static __device__ inline int64_t diva_lane() {
  return threadIdx.x % DIVA_WARP;
}

/** The index of the calling thread among all of a launch in one dimension. */
static __device__ inline int64_t diva_thread() {
  return static_cast<int64_t>(blockIdx.x) * DIVA_BLOCK + threadIdx.x;
}

/* A row of few values has `Lanes` lanes of a warp, a power of two: its row, its lane among them,
 * and which of the warp they are. */
template <int Lanes> static __device__ inline int64_t diva_row_of_lanes() {
  return diva_thread() / Lanes;
}

template <int Lanes> static __device__ inline int64_t diva_lane_of() {
  return threadIdx.x % Lanes;
}

template <int Lanes> static __device__ inline unsigned diva_lanes_mask() {
  const unsigned first = threadIdx.x % DIVA_WARP / Lanes * Lanes;
  return (0xffffffffU >> (DIVA_WARP - Lanes)) << first;
}

/* Butterflies: every lane gets the same value, made in the same order at every run. All lanes of a
 * warp, or of a row, must take part. */
static constexpr unsigned DIVA_ALL_LANES = 0xffffffffU;

template <int Lanes> static __device__ inline double diva_lanes_sum(double value) {
  for (int apart = Lanes / 2; apart > 0; apart /= 2) {
    value += __shfl_xor_sync(diva_lanes_mask<Lanes>(), value, apart);
  }
  return value;
}

template <int Lanes> static __device__ inline double diva_lanes_largest(double value) {
  for (int apart = Lanes / 2; apart > 0; apart /= 2) {
    value = fmax(value, __shfl_xor_sync(diva_lanes_mask<Lanes>(), value, apart));
  }
  return value;
}

static __device__ inline double diva_warp_sum(double value) {
  return diva_lanes_sum<DIVA_WARP>(value);
}

static __device__ inline double diva_warp_largest(double value) {
  return diva_lanes_largest<DIVA_WARP>(value);
}

static __device__ inline long long diva_warp_least(long long value) {
  for (int apart = DIVA_WARP / 2; apart > 0; apart /= 2) {
    const long long other = __shfl_xor_sync(DIVA_ALL_LANES, value, apart);
    value = other < value ? other : value;
  }
  return value;
}

/** Row i of a matrix. */
template <typename Value>
static __device__ inline Value *diva_row(const struct diva_cuda_tile &tile, int64_t i) {
  return static_cast<Value *>(tile.values) + i * tile.stride;
}

static __device__ inline float diva_float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Exponent and mantissa move up by 13 bits; the multiplication by 2^112 mends the exponent's bias
 * and makes subnormals right at the same time. All ones in the exponent is infinity or NaN. */
static __device__ inline float diva_widen_half(uint16_t stored) {
  const float magnitude =
      diva_float_of_bits(static_cast<uint32_t>(stored & 0x7fffU) << 13) * 0x1p112F;
  uint32_t bits;
  memcpy(&bits, &magnitude, sizeof bits);
  bits |= (stored & 0x7c00U) == 0x7c00U ? 0x7f800000U : 0U;
  return diva_float_of_bits(bits | static_cast<uint32_t>(stored & 0x8000U) << 16);
}

static __device__ inline float diva_widen_bfloat(uint16_t stored) {
  return diva_float_of_bits(static_cast<uint32_t>(stored) << 16);
}

/** Element i of stored values, in tile type. */
template <typename Tile>
static __device__ inline Tile diva_stored_value(const void *values, int type, int64_t i) {
  switch (type) {
  case DIVA_FLOAT16:
    return static_cast<Tile>(diva_widen_half(static_cast<const uint16_t *>(values)[i]));
  case DIVA_BFLOAT16:
    return static_cast<Tile>(diva_widen_bfloat(static_cast<const uint16_t *>(values)[i]));
  case DIVA_FLOAT32:
    return static_cast<Tile>(static_cast<const float *>(values)[i]);
  default:
    return static_cast<Tile>(static_cast<const double *>(values)[i]);
  }
}

#endif
