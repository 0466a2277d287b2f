/* The memory of the device: NaN until it is written, a fault for the host that touches it, closed
 * pages around each allocation. */
#include "emulation.h"
#include "machine.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sys/mman.h>
#include <unistd.h>

namespace {

enum { POISON = 0xff, ALIGNMENT = 256 };

size_t device_bytes = size_t{1} << 30;

struct allocation {
  size_t bytes;
  char *pages;
  size_t page_bytes;
};

/* By the address of the first byte. */
std::map<uintptr_t, allocation> device;
std::map<uintptr_t, size_t> pinned;
size_t taken;
size_t peak;
int64_t allocations;
int64_t failing = -1;

size_t left() {
  return device_bytes > taken ? device_bytes - taken : 0;
}

size_t page() {
  return static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

size_t round_up(size_t value, size_t unit) {
  return (value + unit - 1) / unit * unit;
}

void set_access(const allocation &of, int access) {
  if (mprotect(of.pages, of.page_bytes, access) != 0) {
    emulation_fault("memory cannot be protected");
  }
}

void set_access_of_all(int access) {
  for (const auto &one : device) {
    set_access(one.second, access);
  }
}

/* The bytes between the end of an allocation and the page behind it. */
void check_slack(const char *data, const allocation &of) {
  set_access(of, PROT_READ);
  for (size_t i = of.bytes; i < round_up(of.bytes, ALIGNMENT); i++) {
    if (static_cast<unsigned char>(data[i]) != POISON) {
      emulation_fault("something was written behind the end of an allocation");
    }
  }
}

} // namespace

void emulation_open_memory() {
  set_access_of_all(PROT_READ | PROT_WRITE);
}

void emulation_close_memory() {
  set_access_of_all(PROT_NONE);
}

bool emulation_is_device(const void *data, size_t bytes) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  auto after = device.upper_bound(address);
  if (after == device.begin()) {
    return false;
  }
  --after;
  return address - after->first + bytes <= after->second.bytes;
}

bool emulation_is_pinned(const void *data, size_t bytes) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  auto after = pinned.upper_bound(address);
  if (after == pinned.begin()) {
    return false;
  }
  --after;
  return address - after->first + bytes <= after->second;
}

extern "C" {

void emulation_set_memory(int64_t bytes) {
  device_bytes = static_cast<size_t>(bytes);
}

int64_t emulation_memory_peak(void) {
  return static_cast<int64_t>(peak);
}

void emulation_forget_peak(void) {
  peak = taken;
}

int64_t emulation_allocations(void) {
  return allocations;
}

void emulation_fail_allocation(int64_t count) {
  failing = count;
}

cudaError_t cudaMemGetInfo(size_t *available, size_t *total) {
  *available = left();
  *total = device_bytes;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void **out, size_t bytes) {
  *out = nullptr;
  if (bytes == 0) {
    return cudaSuccess;
  }
  if (bytes > left() || failing-- == 0) {
    return cudaErrorMemoryAllocation;
  }
  const size_t used = round_up(bytes, ALIGNMENT);
  const size_t page_bytes = round_up(used, page());
  void *mapping = mmap(nullptr, page_bytes + 2 * page(), PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) {
    return cudaErrorMemoryAllocation;
  }
  const allocation made = {bytes, static_cast<char *>(mapping) + page(), page_bytes};
  set_access(made, PROT_READ | PROT_WRITE);
  memset(made.pages, POISON, page_bytes);
  set_access(made, PROT_NONE);
  *out = made.pages + page_bytes - used;
  device[reinterpret_cast<uintptr_t>(*out)] = made;
  taken += bytes;
  peak = taken > peak ? taken : peak;
  allocations++;
  return cudaSuccess;
}

cudaError_t cudaFree(void *data) {
  if (!data) {
    return cudaSuccess;
  }
  emulation_drain();
  const auto found = device.find(reinterpret_cast<uintptr_t>(data));
  if (found == device.end()) {
    return cudaErrorInvalidValue;
  }
  const allocation &gone = found->second;
  check_slack(static_cast<char *>(data), gone);
  munmap(gone.pages - page(), gone.page_bytes + 2 * page());
  taken -= gone.bytes;
  device.erase(found);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void **out, size_t bytes) {
  *out = malloc(bytes);
  if (!*out) {
    return cudaErrorMemoryAllocation;
  }
  memset(*out, POISON, bytes);
  pinned[reinterpret_cast<uintptr_t>(*out)] = bytes;
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *out, const void *place) {
  *out = {};
  out->type = cudaMemoryTypeUnregistered;
  if (emulation_is_device(place, 1)) {
    out->type = cudaMemoryTypeDevice;
  } else if (emulation_is_pinned(place, 1)) {
    out->type = cudaMemoryTypeHost;
  }
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void *data) {
  if (!data) {
    return cudaSuccess;
  }
  emulation_drain();
  if (pinned.erase(reinterpret_cast<uintptr_t>(data)) == 0) {
    return cudaErrorInvalidValue;
  }
  free(data);
  return cudaSuccess;
}

} // extern "C"
