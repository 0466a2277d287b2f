/** An HDF5 file driver for writing that lives through a full disk. */
#define _POSIX_C_SOURCE 200809L
#include "hdf5_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

/* HDF5 sees the first member only. */
struct driver_file {
  H5FD_t base;
  int descriptor;
  haddr_t allocated; /* what HDF5 calls the end of allocation */
  haddr_t end;       /* as if every write had been done */
  struct diva_h5_fault *fault;
};

/* Goes to the driver through the property list, which copies it. */
struct driver_info {
  struct diva_h5_fault *fault;
};

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t properties, haddr_t limit) {
  (void)limit;
  const struct driver_info *const info = H5Pget_driver_info(properties);
  const int mode = O_RDWR | O_CLOEXEC | (flags & H5F_ACC_TRUNC ? O_TRUNC : 0) |
                   (flags & H5F_ACC_CREAT ? O_CREAT : 0);
  struct driver_file *const file = info ? calloc(1, sizeof *file) : NULL;
  if (!file) {
    return NULL;
  }
  file->fault = info->fault;
  file->descriptor = open(name, mode, 0666);
  if (file->descriptor < 0) {
    file->fault->code = errno;
    free(file);
    return NULL;
  }
  /* HDF5 drops its own reference before it reads what to close the file with. */
  H5Iinc_ref(H5Pget_driver(properties));
  return &file->base;
}

static herr_t driver_close(H5FD_t *base) {
  struct driver_file *const file = (struct driver_file *)base;
  H5Idec_ref(base->driver_id);
  if (close(file->descriptor) != 0 && file->fault->code == 0) {
    file->fault->code = errno;
  }
  free(file);
  return 0;
}

static herr_t driver_query(const H5FD_t *base, unsigned long *flags) {
  (void)base;
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA;
  return 0;
}

static haddr_t driver_get_allocated(const H5FD_t *base, H5FD_mem_t kind) {
  (void)kind;
  return ((const struct driver_file *)base)->allocated;
}

static herr_t driver_set_allocated(H5FD_t *base, H5FD_mem_t kind, haddr_t address) {
  (void)kind;
  ((struct driver_file *)base)->allocated = address;
  return 0;
}

static haddr_t driver_get_end(const H5FD_t *base, H5FD_mem_t kind) {
  (void)kind;
  return ((const struct driver_file *)base)->end;
}

/* What was never written reads as zeros, as it does in a file with a hole. */
static herr_t driver_read(H5FD_t *base, H5FD_mem_t kind, hid_t properties, haddr_t address,
                          size_t size, void *out) {
  (void)kind;
  (void)properties;
  const struct driver_file *const file = (const struct driver_file *)base;
  char *at = out;
  while (size > 0) {
    const ssize_t got = pread(file->descriptor, at, size, (off_t)address);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      memset(at, 0, size);
      return got < 0 ? -1 : 0;
    }
    at += got;
    address += (haddr_t)got;
    size -= (size_t)got;
  }
  return 0;
}

static herr_t driver_write(H5FD_t *base, H5FD_mem_t kind, hid_t properties, haddr_t address,
                           size_t size, const void *data) {
  (void)kind;
  (void)properties;
  struct driver_file *const file = (struct driver_file *)base;
  const char *at = data;
  if (address + size > file->end) {
    file->end = address + size;
  }
  while (size > 0 && file->fault->code == 0) {
    const ssize_t put = pwrite(file->descriptor, at, size, (off_t)address);
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put <= 0) {
      file->fault->code = put < 0 ? errno : ENOSPC;
      break;
    }
    at += put;
    address += (haddr_t)put;
    size -= (size_t)put;
  }
  return 0;
}

static herr_t driver_truncate(H5FD_t *base, hid_t properties, hbool_t closing) {
  (void)properties;
  (void)closing;
  struct driver_file *const file = (struct driver_file *)base;
  if (file->fault->code == 0 && ftruncate(file->descriptor, (off_t)file->allocated) != 0) {
    file->fault->code = errno;
  }
  file->end = file->allocated;
  return 0;
}

static hid_t register_driver(void) {
  static const H5FD_class_t driver = {
#if H5_VERSION_GE(1, 13, 0)
    .version = H5FD_CLASS_VERSION,
    .value = 384, /* of the range HDF5 leaves to private drivers */
#endif
    .name = "diva",
    .maxaddr = (haddr_t)INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(struct driver_info),
    .open = driver_open,
    .close = driver_close,
    .query = driver_query,
    .get_eoa = driver_get_allocated,
    .set_eoa = driver_set_allocated,
    .get_eof = driver_get_end,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
  };
  return H5FDregister(&driver);
}

hid_t diva_h5_driver_create(const char *path, struct diva_h5_fault *fault) {
  const struct driver_info info = {.fault = fault};
  hid_t file = H5I_INVALID_HID;
  const hid_t driver = register_driver();
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (driver >= 0 && access >= 0 && H5Pset_driver(access, driver, &info) >= 0) {
    file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  }
  if (access >= 0) {
    H5Pclose(access);
  }
  if (driver >= 0) {
    H5FDunregister(driver);
  }
  return file;
}
