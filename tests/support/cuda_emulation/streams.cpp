/* Streams and events: what is queued runs when somebody waits for it, and then in an order that a
 * seed decides, as far as the streams and their events leave it open. */
#include "emulation.h"
#include "machine.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <set>
#include <vector>

struct CUevent_st {
  uint64_t recorded; /**< how often it was asked to be */
  uint64_t passed;   /**< and has been */
};

namespace {

struct operation {
  std::function<void()> work; /**< empty: a wait */
  CUevent_st *event;
  uint64_t generation;
};

} // namespace

struct CUstream_st {
  std::deque<operation> queue;
};

namespace {

std::set<CUstream_st *> streams;

/* Streams by their age, so that a seed means the same at every run. */
std::vector<CUstream_st *> order_of_age;

bool is_ready(const CUstream_st *stream) {
  const operation &next = stream->queue.front();
  return next.work || next.event->passed >= next.generation;
}

void run_one() {
  std::vector<CUstream_st *> ready;
  for (CUstream_st *stream : order_of_age) {
    if (!stream->queue.empty() && is_ready(stream)) {
      ready.push_back(stream);
    }
  }
  if (ready.empty()) {
    emulation_fault("a stream waits for an event that nothing will record");
  }
  CUstream_st *stream = ready[emulation_choice(static_cast<unsigned>(ready.size()))];
  const operation next = stream->queue.front();
  stream->queue.pop_front();
  if (next.work) {
    next.work();
  }
}

template <typename Condition> void run_until(Condition condition) {
  if (condition()) {
    return;
  }
  emulation_open_memory();
  while (!condition()) {
    run_one();
  }
  emulation_close_memory();
}

/* Pageable memory is taken at once, as the driver does; pinned memory when the copy's turn comes.
 */
cudaError_t copy_up(void *to, const void *from, size_t bytes, cudaStream_t stream) {
  if (!emulation_is_device(to, bytes) || emulation_is_device(from, 1)) {
    return cudaErrorInvalidValue;
  }
  if (emulation_is_pinned(from, bytes)) {
    return emulation_enqueue(stream, [=] { memcpy(to, from, bytes); });
  }
  const auto *first = static_cast<const char *>(from);
  const std::vector<char> snapshot(first, first + bytes);
  return emulation_enqueue(stream, [=] { memcpy(to, snapshot.data(), bytes); });
}

} // namespace

void emulation_fault(const char *what) {
  fprintf(stderr, "CUDA emulation: %s\n", what);
  abort();
}

unsigned emulation_choice(unsigned count) {
  static uint64_t state = 0;
  if (state == 0) {
    const char *seed = getenv("DIVA_CUDA_EMULATION_SEED");
    state = 0x9e3779b97f4a7c15U + (seed ? strtoull(seed, nullptr, 10) : 0);
  }
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return static_cast<unsigned>((state >> 32) % count);
}

cudaError_t emulation_enqueue(cudaStream_t stream, std::function<void()> work) {
  if (streams.count(stream) == 0) {
    return cudaErrorInvalidResourceHandle;
  }
  stream->queue.push_back({std::move(work), nullptr, 0});
  return cudaSuccess;
}

void emulation_drain() {
  run_until([] {
    for (const CUstream_st *stream : order_of_age) {
      if (!stream->queue.empty()) {
        return false;
      }
    }
    return true;
  });
}

namespace {

int driver = CUDART_VERSION;
int devices = 1;

} // namespace

extern "C" {

void emulation_set_driver(int version) {
  driver = version;
}

void emulation_set_devices(int count) {
  devices = count;
}

cudaError_t cudaDriverGetVersion(int *version) {
  *version = driver;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count) {
  if (devices < 0 || driver / 1000 < CUDART_VERSION / 1000) {
    return cudaErrorInsufficientDriver;
  }
  *count = devices;
  return devices > 0 ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t cudaGetDevice(int *device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  return device >= 0 && device < devices ? cudaSuccess : cudaErrorInvalidDevice;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *out, int device) {
  size_t available = 0;
  memset(out, 0, sizeof *out);
  snprintf(out->name, sizeof out->name, "emulation on the CPU");
  out->major = 9;
  out->multiProcessorCount = 1;
  cudaMemGetInfo(&available, &out->totalGlobalMem);
  return cudaSetDevice(device);
}

/* Of the attributes only the capability: that of cudaGetDeviceProperties(). */
cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device) {
  *value = attribute == cudaDevAttrComputeCapabilityMajor ? 9 : 0;
  return cudaSetDevice(device);
}

cudaError_t cudaGetLastError(void) {
  return cudaSuccess;
}

const char *cudaGetErrorString(cudaError_t code) {
  return code == cudaErrorMemoryAllocation ? "out of memory" : "refused by the emulation";
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags) {
  (void)flags;
  *out = new CUstream_st();
  streams.insert(*out);
  order_of_age.push_back(*out);
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (streams.count(stream) == 0) {
    return cudaErrorInvalidResourceHandle;
  }
  run_until([stream] { return stream->queue.empty(); });
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const cudaError_t code = cudaStreamSynchronize(stream);
  if (code == cudaSuccess) {
    streams.erase(stream);
    for (auto place = order_of_age.begin(); place != order_of_age.end(); ++place) {
      if (*place == stream) {
        order_of_age.erase(place);
        break;
      }
    }
    delete stream;
  }
  return code;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  (void)flags;
  if (streams.count(stream) == 0) {
    return cudaErrorInvalidResourceHandle;
  }
  stream->queue.push_back({nullptr, event, event->recorded});
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags) {
  (void)flags;
  *out = new CUevent_st{0, 0};
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  emulation_drain();
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const uint64_t generation = ++event->recorded;
  return emulation_enqueue(stream, [=] { event->passed = generation; });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  run_until([event] { return event->passed >= event->recorded; });
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (kind == cudaMemcpyHostToDevice) {
    return copy_up(to, from, bytes, stream);
  }
  const bool down = kind == cudaMemcpyDeviceToHost;
  if (!emulation_is_device(from, bytes) || emulation_is_device(to, bytes) == down) {
    return cudaErrorInvalidValue;
  }
  return emulation_enqueue(stream, [=] { memcpy(to, from, bytes); });
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                              size_t width, size_t height, enum cudaMemcpyKind kind,
                              cudaStream_t stream) {
  cudaError_t code = cudaSuccess;
  for (size_t row = 0; row < height && code == cudaSuccess; row++) {
    code = cudaMemcpyAsync(static_cast<char *>(to) + row * to_pitch,
                           static_cast<const char *>(from) + row * from_pitch, width, kind, stream);
  }
  return code;
}

cudaError_t cudaMemsetAsync(void *data, int value, size_t bytes, cudaStream_t stream) {
  if (!emulation_is_device(data, bytes)) {
    return cudaErrorInvalidValue;
  }
  return emulation_enqueue(stream, [=] { memset(data, value, bytes); });
}

} // extern "C"
