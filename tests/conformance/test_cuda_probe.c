/* What the CUDA backend says of a machine: of its driver, its libraries and its devices. */
#define _POSIX_C_SOURCE 200809L
#include "kernels/cuda/cuda.h"
#include "kernels/cuda/libraries.h"
#include "tests/support/cuda_emulation/machine.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void expect(enum diva_backend_state state, const char *detail) {
  char told[256] = "";
  struct diva_error error = {0};
  struct diva_backend *backend = NULL;
  const struct diva_backend_config config = {
      .threads = 1, .tile_rows = 1, .columns = 1, .outputs = 1};
  cr_expect(diva_cuda_ops.probe(told, sizeof told) == state && strstr(told, detail), "%s", told);

  /* To open is to probe: it fails with the same words. */
  const enum diva_status status = diva_cuda_ops.open(&config, &backend, &error);
  cr_expect(status == (state == DIVA_BACKEND_READY ? DIVA_OK : DIVA_ERROR_RESOURCE) &&
                (status == DIVA_OK || !strcmp(error.message, told)),
            "%s", error.message);
  diva_cuda_ops.close(backend);
}

/* The toolkit that the backend is built with; libraries and drivers are told from it. */
enum { OWN = 13 };

Test(cuda_probe, drivers) {
  expect(DIVA_BACKEND_READY, "emulation on the CPU (sm_90");
  emulation_set_driver(0);
  expect(DIVA_BACKEND_NO_DEVICE, "no CUDA driver");
  emulation_set_driver((OWN - 1) * 1000 + 40);
  expect(DIVA_BACKEND_NO_DEVICE, "driver too old: it supports CUDA 12.4, this build needs CUDA 13");
  emulation_set_driver((OWN + 1) * 1000);
  expect(DIVA_BACKEND_READY, "cuBLAS 13");
}

/* Libraries of CUDA 12 do under a driver of CUDA 13; those of CUDA 14 do not, and are not used. */
Test(cuda_probe, libraries) {
  emulation_set_cublas(OWN - 1, true);
  expect(DIVA_BACKEND_READY, "cuBLAS 12");
  emulation_set_cublas(OWN + 1, true);
  expect(DIVA_BACKEND_NO_DEVICE, "cuBLAS 14 is too new for the driver, which supports CUDA 13");
  emulation_set_driver((OWN + 1) * 1000);
  expect(DIVA_BACKEND_READY, "cuBLAS 14");
  cr_assert(setenv("DIVA_CUSOLVER", "libno.so.1", 1) == 0);
  expect(DIVA_BACKEND_NO_DEVICE, "libno.so.1 cannot be loaded (install it, or name it in "
                                 "DIVA_CUSOLVER)");
  cr_assert(setenv("DIVA_CUBLAS", "libc.so.6", 1) == 0);
  expect(DIVA_BACKEND_NO_DEVICE, "the CUDA libraries lack cublasCreate_v2");
}

/* The major version of cuBLAS that is loaded for a driver; 0: none, and the error says why. */
static int load(int driver, struct diva_error *error) {
  struct diva_cuda_libraries libraries;
  int major = 0;
  if (diva_cuda_libraries_load(driver, &libraries, error) == DIVA_OK) {
    libraries.get_property(MAJOR_VERSION, &major);
  }
  return major;
}

/* The environment names no library, and the one folder that is searched first has those of CUDA 12,
 * and files of CUDA 13 that cannot be loaded. Of the two releases the driver supports, the one that
 * is there is taken, and never one that is newer than the driver. */
Test(cuda_probe, releases) {
  struct diva_error error = {0};
  cr_assert(unsetenv("DIVA_CUBLAS") == 0 && unsetenv("DIVA_CUSOLVER") == 0);
  emulation_set_cublas(12, true);
  cr_expect(load(13, &error) == 12, "%s", error.message);
  cr_expect(load(12, &error) == 12, "%s", error.message);
  cr_expect(load(11, &error) == 0 && strstr(error.message, "driver too old: it supports CUDA 11"),
            "%s", error.message);
  emulation_set_cublas(13, true);
  cr_expect(load(12, &error) == 0 && strstr(error.message, "cuBLAS 13 is too new"), "%s",
            error.message);
}

Test(cuda_probe, devices) {
  emulation_set_devices(0);
  expect(DIVA_BACKEND_NO_DEVICE, "no CUDA device");
  emulation_set_devices(-1);
  expect(DIVA_BACKEND_NO_DEVICE, "no CUDA device");
  emulation_set_devices(8);
  expect(DIVA_BACKEND_READY, "device 0 of 8 at 0000:00:00");
}
