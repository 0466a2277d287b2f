/* Sums of the rows of each class: rows in the order of their classes, then class by class. */
#include "kernel.cuh"

/* The same word from every lane with its bit, in all lanes. */
static __device__ uint32_t lanes_where(bool condition) {
  int word = condition ? static_cast<int>(1U << diva_lane()) : 0;
  for (int apart = DIVA_WARP / 2; apart > 0; apart /= 2) {
    word |= __shfl_xor_sync(DIVA_ALL_LANES, word, apart);
  }
  return static_cast<uint32_t>(word);
}

static __device__ int count_bits(uint32_t word) {
  int count = 0;
  for (; word != 0; word &= word - 1) {
    count++;
  }
  return count;
}

/* Rows of the classes before c: where those of c start. */
static __device__ int64_t find_start(const int32_t *labels, int64_t rows, int64_t c) {
  double before = 0.0;
  for (int64_t i = diva_lane(); i < rows; i += DIVA_WARP) {
    before += labels[i] >= 0 && labels[i] < c ? 1.0 : 0.0;
  }
  return static_cast<int64_t>(diva_warp_sum(before));
}

/* One warp a class: its rows, ascending, in their part of `order`; where they start in `starts`,
 * and after the last class where all end. */
static __global__ void order_rows(const int32_t *labels, int64_t rows, int64_t classes,
                                  int32_t *order, int32_t *starts) {
  const int64_t c = diva_row_of_warp();
  if (c > classes) {
    return;
  }
  int64_t place = find_start(labels, rows, c);
  if (diva_lane() == 0) {
    starts[c] = static_cast<int32_t>(place);
  }
  for (int64_t first = 0; first < rows && c < classes; first += DIVA_WARP) {
    const int64_t i = first + diva_lane();
    const bool mine = i < rows && labels[i] == c;
    const uint32_t lanes = lanes_where(mine);
    if (mine) {
      const uint32_t below = lanes & ((1U << diva_lane()) - 1U);
      order[place + count_bits(below)] = static_cast<int32_t>(i);
    }
    place += count_bits(lanes);
  }
}

/* A thread sums one column over the rows of one class. */
template <typename Tile>
static __global__ void sum_classes(struct diva_cuda_tile z, const double *weight,
                                   const int32_t *order, const int32_t *starts,
                                   struct diva_cuda_tile sum) {
  const int64_t blocks_a_class = (sum.columns + DIVA_BLOCK - 1) / DIVA_BLOCK;
  const int64_t c = blockIdx.x / blocks_a_class;
  const int64_t j = blockIdx.x % blocks_a_class * DIVA_BLOCK + threadIdx.x;
  if (j >= sum.columns) {
    return;
  }
  double total = 0.0;
  for (int32_t place = starts[c]; place < starts[c + 1]; place++) {
    const int64_t i = order[place];
    total += (weight ? weight[i] : 1.0) * static_cast<double>(diva_row<Tile>(z, i)[j]);
  }
  diva_row<double>(sum, c)[j] += total;
}

cudaError_t diva_cuda_launch_order(const int32_t *labels, int64_t rows, int64_t classes,
                                   int32_t *order, int32_t *starts, cudaStream_t stream) {
  return diva_launch(order_rows, diva_blocks_for_rows(classes + 1), dim3(DIVA_BLOCK), stream,
                     labels, rows, classes, order, starts);
}

cudaError_t diva_cuda_launch_class_sums(bool is_double, struct diva_cuda_tile z,
                                        const double *weight, const int32_t *order,
                                        const int32_t *starts, struct diva_cuda_tile sum,
                                        cudaStream_t stream) {
  const int64_t blocks_a_class = (sum.columns + DIVA_BLOCK - 1) / DIVA_BLOCK;
  return diva_launch(is_double ? sum_classes<double> : sum_classes<float>,
                     diva_blocks_for(sum.rows * blocks_a_class, 1), dim3(DIVA_BLOCK), stream, z,
                     weight, order, starts, sum);
}
