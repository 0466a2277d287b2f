/* Random Fourier features: cosine and sine of each projection, scaled and centred. */
#include "kernel.cuh"

/* The library's functions are exact to two units in the last place for any argument, and give NaN
 * for a NaN or an infinity. */
static __device__ inline void wave(float u, double *cosine, double *sine) {
  *cosine = static_cast<double>(cosf(u));
  *sine = static_cast<double>(sinf(u));
}

static __device__ inline void wave(double u, double *cosine, double *sine) {
  *cosine = cos(u);
  *sine = sin(u);
}

template <typename Tile>
static __global__ void map_rows(struct diva_cuda_tile u, double scale, const double *shift,
                                bool constant_column, struct diva_cuda_tile z) {
  const int64_t i = diva_row_of_warp();
  if (i >= u.rows) {
    return;
  }
  const Tile *from = diva_row<Tile>(u, i);
  Tile *to = diva_row<Tile>(z, i);
  for (int64_t j = diva_lane(); j < u.columns; j += DIVA_WARP) {
    const int64_t k = u.columns + j;
    double cosine, sine;
    wave(from[j], &cosine, &sine);
    to[j] = static_cast<Tile>(scale * cosine - (shift ? shift[j] : 0.0));
    to[k] = static_cast<Tile>(scale * sine - (shift ? shift[k] : 0.0));
  }
  if (diva_lane() == 0 && constant_column) {
    to[2 * u.columns] = static_cast<Tile>(1.0);
  }
}

cudaError_t diva_cuda_launch_fourier(bool is_double, struct diva_cuda_tile u, double scale,
                                     const double *shift, bool constant_column,
                                     struct diva_cuda_tile z, cudaStream_t stream) {
  return diva_launch(is_double ? map_rows<double> : map_rows<float>, diva_blocks_for_rows(u.rows),
                     dim3(DIVA_BLOCK), stream, u, scale, shift, constant_column, z);
}
