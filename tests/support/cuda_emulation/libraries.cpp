/* The few routines of cuBLAS and cuSOLVER that are called, plainly: column-major, on a stream. */
#include "emulation.h"
#include "machine.h"

#include <cublas_v2.h>
#include <cusolverDn.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

struct cublasContext {
  cudaStream_t stream;
};

struct cusolverDnContext {
  cudaStream_t stream;
};

namespace {

struct product {
  bool transpose_a, transpose_b;
  int m, n, k;
  double alpha, beta;
  const void *a, *b;
  void *c;
  int lda, ldb, ldc;
};

/* Element steps of a row of op(A) and of a column of op(B): to the next of them, and along them. */
struct steps {
  int64_t left, right, along_left, along_right;
};

steps steps_of(const product &p) {
  return {p.transpose_a ? p.lda : 1, p.transpose_b ? 1 : p.ldb, p.transpose_a ? 1 : p.lda,
          p.transpose_b ? p.ldb : 1};
}

template <typename Real> Real dot(const Real *left, const Real *right, const steps &step, int k) {
  Real sum = 0;
  for (int64_t l = 0; l < k; l++) {
    sum += left[l * step.along_left] * right[l * step.along_right];
  }
  return sum;
}

double half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = bits & 1023;
  double magnitude =
      exponent > 0 ? std::ldexp(1024.0 + fraction, exponent - 25) : std::ldexp(fraction, -24);
  if (exponent == 31) {
    magnitude = fraction != 0.0 ? std::nan("") : HUGE_VAL;
  }
  return bits & 0x8000 ? -magnitude : magnitude;
}

const std::vector<float> &half_values() {
  static const std::vector<float> values = [] {
    std::vector<float> made(0x10000);
    for (size_t bits = 0; bits < made.size(); bits++) {
      made[bits] = static_cast<float>(half_value(static_cast<uint16_t>(bits)));
    }
    return made;
  }();
  return values;
}

/* 2^23 over the power of two at the head of a number of this size: above it are 24 bits. */
double scale_of(double size) {
  uint64_t bits;
  memcpy(&bits, &size, sizeof bits);
  const uint64_t exponent = bits >> 52 & 0x7ff;
  bits = (2 * 1023 + 23 - exponent) << 52;
  memcpy(&size, &bits, sizeof size);
  return size;
}

/* Cuts off what lies below 1 / scale. */
double cut(double value, double scale) {
  return static_cast<double>(static_cast<int64_t>(value * scale)) / scale;
}

/*
 * A sum of float16 products as a tensor core makes it, at the least precise that is known of them:
 * exact products, four at a time aligned with the largest of them and of the sum so far, what is
 * below its 24 bits cut off from each, and again from the new sum (after Fasi, Higham, Mikaitis and
 * Pranesh, Numerical behavior of NVIDIA tensor cores, 2021; newer ones take more at a time and keep
 * one or two bits more).
 */
float dot(const uint16_t *left, const uint16_t *right, const steps &step, int k) {
  enum { TOGETHER = 4 };
  const std::vector<float> &values = half_values();
  double sum = 0.0;
  for (int64_t first = 0; first < k; first += TOGETHER) {
    double terms[TOGETHER + 1] = {};
    double largest = std::fabs(sum);
    terms[TOGETHER] = sum;
    for (int64_t l = first; l < std::min<int64_t>(first + TOGETHER, k); l++) {
      const double term = static_cast<double>(values[left[l * step.along_left]]) *
                          static_cast<double>(values[right[l * step.along_right]]);
      terms[l - first] = term;
      largest = std::isnan(term) ? term : std::max(largest, std::fabs(term));
    }
    if (!std::isfinite(largest)) {
      return std::numeric_limits<float>::quiet_NaN();
    }
    if (largest == 0.0) {
      continue;
    }
    const double scale = scale_of(largest);
    int64_t total = 0;
    for (const double term : terms) {
      total += static_cast<int64_t>(term * scale);
    }
    sum = static_cast<double>(total) / scale;
    sum = sum != 0.0 ? cut(sum, scale_of(sum)) : 0.0;
  }
  return static_cast<float>(sum);
}

template <typename Factor, typename Real>
void multiply(const product &p, const Factor *a, const Factor *b, Real *c) {
  const steps step = steps_of(p);
  for (int j = 0; j < p.n; j++) {
    for (int i = 0; i < p.m; i++) {
      const Real sum = dot(a + i * step.left, b + j * step.right, step, p.k);
      Real *out = c + static_cast<int64_t>(j) * p.ldc + i;
      const Real before = p.beta == 0.0 ? Real(0) : static_cast<Real>(p.beta) * *out;
      *out = static_cast<Real>(p.alpha) * sum + before;
    }
  }
}

template <typename Factor, typename Real>
void multiply_all(const product &p, const long long *steps, int count) {
  for (int i = 0; i < count; i++) {
    multiply(p, static_cast<const Factor *>(p.a) + i * steps[0],
             static_cast<const Factor *>(p.b) + i * steps[1],
             static_cast<Real *>(p.c) + i * steps[2]);
  }
}

/* B = op(L)^-1 B, L lower with its diagonal stored. */
void solve_lower(bool transposed, int m, int n, const double *l, int64_t ldl, double *b,
                 int64_t ldb) {
  for (int j = 0; j < n; j++) {
    double *x = b + j * ldb;
    for (int step = 0; step < m; step++) {
      const int i = transposed ? m - 1 - step : step;
      double sum = x[i];
      for (int other = transposed ? i + 1 : 0; other < (transposed ? m : i); other++) {
        sum -= (transposed ? l[i * ldl + other] : l[other * ldl + i]) * x[other];
      }
      x[i] = sum / l[i * ldl + i];
    }
  }
}

/* A = L L'; the first pivot that is not positive, from 1. A NaN goes on unseen, as on the device.
 */
int factor_lower(int n, double *a, int64_t lda) {
  for (int j = 0; j < n; j++) {
    for (int l = 0; l < j; l++) {
      const double factor = a[l * lda + j];
      for (int i = j; i < n; i++) {
        a[j * lda + i] -= factor * a[l * lda + i];
      }
    }
    if (a[j * lda + j] <= 0.0) {
      return j + 1;
    }
    const double root = std::sqrt(a[j * lda + j]);
    for (int i = j; i < n; i++) {
      a[j * lda + i] = i == j ? root : a[j * lda + i] / root;
    }
  }
  return 0;
}

/* Rotates columns (or rows) p and q of a column-major n x n matrix. */
void rotate(std::vector<double> *m, int n, int p, int q, double cosine, double sine, bool rows) {
  const int64_t step = rows ? n : 1;
  const int64_t across = rows ? 1 : n;
  for (int64_t i = 0; i < n; i++) {
    double *left = &(*m)[static_cast<size_t>(p * across + i * step)];
    double *right = &(*m)[static_cast<size_t>(q * across + i * step)];
    const double before = *left;
    *left = cosine * before - sine * *right;
    *right = sine * before + cosine * *right;
  }
}

/* Jacobi's method: turns one off-diagonal element after another to zero. */
void diagonalise(int n, std::vector<double> *a, std::vector<double> *vectors) {
  const auto at = [n](int i, int j) { return static_cast<size_t>(int64_t{j} * n + i); };
  for (int sweep = 0; sweep < 60; sweep++) {
    double off = 0.0;
    double all = 0.0;
    for (int q = 1; q < n; q++) {
      for (int p = 0; p < q; p++) {
        const double value = (*a)[at(p, q)];
        off += value * value;
        all += std::fabs((*a)[at(p, p)] * (*a)[at(q, q)]);
        if (value == 0.0) {
          continue;
        }
        const double theta = ((*a)[at(q, q)] - (*a)[at(p, p)]) / (2.0 * value);
        const double tangent =
            std::copysign(1.0, theta) / (std::fabs(theta) + std::hypot(theta, 1.0));
        const double cosine = 1.0 / std::hypot(tangent, 1.0);
        rotate(a, n, p, q, cosine, tangent * cosine, false);
        rotate(a, n, p, q, cosine, tangent * cosine, true);
        rotate(vectors, n, p, q, cosine, tangent * cosine, false);
      }
    }
    if (!(off > 1e-36 * all)) {
      return;
    }
  }
}

template <typename Real> void find_eigenvectors(int n, Real *a, int64_t lda, Real *values) {
  const auto size = static_cast<size_t>(n);
  std::vector<double> matrix(size * size);
  std::vector<double> vectors(size * size);
  std::vector<int> order(size);
  for (int j = 0; j < n; j++) {
    for (int i = 0; i < n; i++) {
      const double value = static_cast<double>(i >= j ? a[j * lda + i] : a[i * lda + j]);
      matrix[static_cast<size_t>(j) * size + static_cast<size_t>(i)] = value;
      vectors[static_cast<size_t>(j) * size + static_cast<size_t>(i)] = i == j ? 1.0 : 0.0;
    }
    order[static_cast<size_t>(j)] = j;
  }
  diagonalise(n, &matrix, &vectors);
  const auto value_of = [&](int j) { return matrix[static_cast<size_t>(j) * (size + 1)]; };
  std::sort(order.begin(), order.end(), [&](int i, int j) { return value_of(i) < value_of(j); });
  for (int j = 0; j < n; j++) {
    const int from = order[static_cast<size_t>(j)];
    values[j] = static_cast<Real>(value_of(from));
    for (int i = 0; i < n; i++) {
      a[j * lda + i] =
          static_cast<Real>(vectors[static_cast<size_t>(from) * size + static_cast<size_t>(i)]);
    }
  }
}

cublasStatus_t blas_status(cudaError_t code) {
  return code == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

cusolverStatus_t solver_status(cudaError_t code) {
  return code == cudaSuccess ? CUSOLVER_STATUS_SUCCESS : CUSOLVER_STATUS_EXECUTION_FAILED;
}

int cublas_major = CUDART_VERSION / 1000;
bool cublas_works = true;

/* The whole workspace is used, whatever it is needed for: a short one shows. */
void spend(void *work, size_t bytes) {
  memset(work, 0xff, bytes);
}

} // namespace

extern "C" {

void emulation_set_cublas(int major, bool works) {
  cublas_major = major;
  cublas_works = works;
}

cublasStatus_t cublasCreate_v2(cublasHandle_t *handle) {
  if (!cublas_works) {
    return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  *handle = new cublasContext{nullptr};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetProperty(libraryPropertyType type, int *value) {
  *value = type == MAJOR_VERSION ? cublas_major : 0;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t trans_a,
                                          cublasOperation_t trans_b, int m, int n, int k,
                                          const void *alpha, const void *a, cudaDataType type_a,
                                          int lda, long long stride_a, const void *b,
                                          cudaDataType type_b, int ldb, long long stride_b,
                                          const void *beta, void *c, cudaDataType type_c, int ldc,
                                          long long stride_c, int count,
                                          cublasComputeType_t compute, cublasGemmAlgo_t algorithm) {
  (void)algorithm;
  const bool doubles = compute == CUBLAS_COMPUTE_64F;
  const bool halves = type_a == CUDA_R_16F;
  const cudaDataType type = doubles ? CUDA_R_64F : CUDA_R_32F;
  const cudaDataType factor_type = halves && !doubles ? CUDA_R_16F : type;
  const int rows_a = trans_a == CUBLAS_OP_N ? m : k;
  const int rows_b = trans_b == CUBLAS_OP_N ? k : n;
  if (type_a != factor_type || type_b != factor_type || type_c != type ||
      (!doubles && compute != CUBLAS_COMPUTE_32F)) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (lda < std::max(rows_a, 1) || ldb < std::max(rows_b, 1) || ldc < std::max(m, 1)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const auto scalar = [doubles](const void *at) {
    return doubles ? *static_cast<const double *>(at)
                   : static_cast<double>(*static_cast<const float *>(at));
  };
  const product p = {trans_a != CUBLAS_OP_N,
                     trans_b != CUBLAS_OP_N,
                     m,
                     n,
                     k,
                     scalar(alpha),
                     scalar(beta),
                     a,
                     b,
                     c,
                     lda,
                     ldb,
                     ldc};
  return blas_status(emulation_enqueue(handle->stream, [=] {
    const long long steps[] = {stride_a, stride_b, stride_c};
    doubles  ? multiply_all<double, double>(p, steps, count)
    : halves ? multiply_all<uint16_t, float>(p, steps, count)
             : multiply_all<float, float>(p, steps, count);
  }));
}

cublasStatus_t cublasDtrsm_v2(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,
                              cublasOperation_t trans, cublasDiagType_t diagonal, int m, int n,
                              const double *alpha, const double *a, int lda, double *b, int ldb) {
  if (side != CUBLAS_SIDE_LEFT || uplo != CUBLAS_FILL_MODE_LOWER ||
      diagonal != CUBLAS_DIAG_NON_UNIT || *alpha != 1.0) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  return blas_status(emulation_enqueue(
      handle->stream, [=] { solve_lower(trans != CUBLAS_OP_N, m, n, a, lda, b, ldb); }));
}

cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t *handle) {
  *handle = new cusolverDnContext{nullptr};
  return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t handle) {
  delete handle;
  return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnDpotrf_bufferSize(cusolverDnHandle_t handle, cublasFillMode_t uplo,
                                             int n, double *a, int lda, int *size) {
  (void)handle, (void)a, (void)lda;
  *size = 32 * n;
  return uplo == CUBLAS_FILL_MODE_LOWER ? CUSOLVER_STATUS_SUCCESS : CUSOLVER_STATUS_NOT_SUPPORTED;
}

cusolverStatus_t cusolverDnDpotrf(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n,
                                  double *a, int lda, double *work, int size, int *info) {
  if (uplo != CUBLAS_FILL_MODE_LOWER || size < 32 * n) {
    return CUSOLVER_STATUS_INVALID_VALUE;
  }
  return solver_status(emulation_enqueue(handle->stream, [=] {
    spend(work, static_cast<size_t>(size) * sizeof *work);
    *info = factor_lower(n, a, lda);
  }));
}

cusolverStatus_t cusolverDnDsyevd_bufferSize(cusolverDnHandle_t handle, cusolverEigMode_t mode,
                                             cublasFillMode_t uplo, int n, const double *a, int lda,
                                             const double *values, int *size) {
  (void)handle, (void)mode, (void)uplo, (void)a, (void)lda, (void)values;
  *size = n * n + 32 * n;
  return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnDsyevd(cusolverDnHandle_t handle, cusolverEigMode_t mode,
                                  cublasFillMode_t uplo, int n, double *a, int lda, double *values,
                                  double *work, int size, int *info) {
  if (uplo != CUBLAS_FILL_MODE_LOWER || mode != CUSOLVER_EIG_MODE_VECTOR) {
    return CUSOLVER_STATUS_NOT_SUPPORTED;
  }
  return solver_status(emulation_enqueue(handle->stream, [=] {
    spend(work, static_cast<size_t>(size) * sizeof *work);
    find_eigenvectors(n, a, lda, values);
    *info = 0;
  }));
}

cusolverStatus_t cusolverDnSsyevd_bufferSize(cusolverDnHandle_t handle, cusolverEigMode_t mode,
                                             cublasFillMode_t uplo, int n, const float *a, int lda,
                                             const float *values, int *size) {
  (void)handle, (void)mode, (void)uplo, (void)a, (void)lda, (void)values;
  *size = n * n + 32 * n;
  return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnSsyevd(cusolverDnHandle_t handle, cusolverEigMode_t mode,
                                  cublasFillMode_t uplo, int n, float *a, int lda, float *values,
                                  float *work, int size, int *info) {
  if (uplo != CUBLAS_FILL_MODE_LOWER || mode != CUSOLVER_EIG_MODE_VECTOR) {
    return CUSOLVER_STATUS_NOT_SUPPORTED;
  }
  return solver_status(emulation_enqueue(handle->stream, [=] {
    spend(work, static_cast<size_t>(size) * sizeof *work);
    find_eigenvectors(n, a, lda, values);
    *info = 0;
  }));
}

} // extern "C"
