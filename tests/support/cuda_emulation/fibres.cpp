/* The threads of a block as fibres: each runs until it waits, and they are woken in a shuffled
 * order. */
#include "cuda_emulation_launch.h"
#include "emulation.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace {

enum { WARP = 32, MOST_THREADS = 1024, STACK_BYTES = 128 << 10, VALUE_BYTES = 8 };

enum class state { unused, ready, at_barrier, at_exchange, done };

struct fibre {
  state now;
  bool started;
  uint3 index;
  ucontext_t start; /**< entered once; afterwards the jumps, which need no system call, do */
  jmp_buf place;
  unsigned mask;
  int partner;
  size_t bytes;
  unsigned char given[VALUE_BYTES];
  unsigned char *taken;
};

struct {
  fibre fibres[MOST_THREADS];
  fibre *current;
  jmp_buf scheduler;
  const std::function<void()> *thread;
} block;

void yield(state now) {
  block.current->now = now;
  if (_setjmp(block.current->place) == 0) {
    _longjmp(block.scheduler, 1);
  }
}

/* A fibre lives for one thread after another. */
void live() {
  for (;;) {
    (*block.thread)();
    yield(state::done);
  }
}

void give_stack(fibre *made) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  char *stack = static_cast<char *>(mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (stack == MAP_FAILED || mprotect(stack, page, PROT_NONE) != 0 ||
      getcontext(&made->start) != 0) {
    emulation_fault("no stack for a thread");
  }
  made->start.uc_stack.ss_sp = stack;
  made->start.uc_stack.ss_size = STACK_BYTES;
  makecontext(&made->start, live, 0);
}

/* Until it waits or is done. */
void resume(fibre *next) {
  block.current = next;
  threadIdx = next->index;
  if (_setjmp(block.scheduler) != 0) {
    return;
  }
  if (next->started) {
    _longjmp(next->place, 1);
  }
  next->started = true;
  give_stack(next);
  setcontext(&next->start);
}

/* Every lane of the mask of `first` must have come with the same mask; each takes what its partner,
 * which is among them, has given. */
void exchange(fibre *warp, int first) {
  const unsigned mask = warp[first].mask;
  for (int lane = 0; lane < WARP; lane++) {
    if ((mask >> lane & 1U) == 0) {
      continue;
    }
    if (warp[lane].now != state::at_exchange) {
      emulation_fault("an exchange that a lane of the mask does not reach");
    }
    if (warp[lane].mask != mask || (mask >> warp[lane].partner & 1U) == 0) {
      emulation_fault("an exchange between lanes of different masks");
    }
  }
  for (int lane = 0; lane < WARP; lane++) {
    if ((mask >> lane & 1U) != 0) {
      memcpy(warp[lane].taken, warp[warp[lane].partner].given, warp[lane].bytes);
      warp[lane].now = state::ready;
    }
  }
}

/* Runs the lanes of a warp until each waits at the barrier of the block or is done. */
void run_warp(fibre *warp) {
  for (bool exchanged = true; exchanged;) {
    const bool backwards = emulation_choice(2) == 1;
    exchanged = false;
    for (int i = 0; i < WARP; i++) {
      fibre *lane = &warp[backwards ? WARP - 1 - i : i];
      if (lane->now == state::ready) {
        resume(lane);
      }
    }
    for (int lane = 0; lane < WARP && !exchanged; lane++) {
      if (warp[lane].now == state::at_exchange) {
        exchange(warp, lane);
        exchanged = true;
      }
    }
  }
}

/* Opens the barrier; false where nobody waits at it. A thread that is done counts as waiting. */
bool pass_barrier(unsigned threads) {
  bool any = false;
  for (unsigned t = 0; t < threads; t++) {
    if (block.fibres[t].now == state::at_barrier) {
      block.fibres[t].now = state::ready;
      any = true;
    }
  }
  return any;
}

void run_block(unsigned threads) {
  const unsigned warps = (threads + WARP - 1) / WARP;
  for (unsigned t = 0; t < warps * WARP; t++) {
    block.fibres[t].now = t < threads ? state::ready : state::unused;
    block.fibres[t].index = uint3{t, 0, 0};
  }
  do {
    const unsigned first = emulation_choice(warps);
    for (unsigned w = 0; w < warps; w++) {
      run_warp(&block.fibres[(first + w) % warps * WARP]);
    }
  } while (pass_barrier(threads));
}

} // namespace

void cuda_emulation_barrier() {
  yield(state::at_barrier);
}

void cuda_emulation_exchange(unsigned mask, int lane, void *value, size_t bytes) {
  fibre *self = block.current;
  self->mask = mask;
  self->partner = lane;
  self->bytes = bytes;
  self->taken = static_cast<unsigned char *>(value);
  memcpy(self->given, value, bytes);
  yield(state::at_exchange);
}

void emulation_run_grid(dim3 grid, dim3 threads, const std::function<void()> &thread) {
  block.thread = &thread;
  gridDim = grid;
  blockDim = threads;
  const unsigned blocks = grid.x;
  const unsigned first = emulation_choice(blocks);
  for (unsigned b = 0; b < blocks; b++) {
    blockIdx = uint3{static_cast<unsigned>((first + static_cast<uint64_t>(b)) % blocks), 0, 0};
    run_block(threads.x);
  }
}

cudaError_t cuda_emulation_enqueue_kernel(dim3 grid, dim3 threads, cudaStream_t stream,
                                          std::function<void()> thread) {
  if (threads.x == 0 || threads.x > MOST_THREADS || grid.x > 0x7fffffffU) {
    return cudaErrorInvalidConfiguration;
  }
  if (grid.y != 1 || grid.z != 1 || threads.y != 1 || threads.z != 1) {
    emulation_fault("grids of more than one dimension are not emulated");
  }
  return emulation_enqueue(stream, [=] { emulation_run_grid(grid, threads, thread); });
}
