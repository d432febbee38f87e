// Threads that compute together, seen from one of them. It has no more headers than a cell's library should have to read.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gatelab {

// While one lives, numbers too small for the usual format are zero: they make no difference, and cost hundreds of cycles.
class FlushDenormals {
  public:
#if defined(__x86_64__)
    FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
    ~FlushDenormals() { _mm_setcsr(before_); }

  private:
    unsigned before_;
#else
    FlushDenormals() {}
    ~FlushDenormals() {}
#endif
};

inline void pause() {
#if defined(__x86_64__)
    _mm_pause();
#endif
}

// The threads of one call. `wait` ends a phase: nobody goes on before all have come there.
class Team {
  public:
    explicit Team(int threads) : threads(threads) {}

    const int threads;

    void wait() {
        const int phase = phase_.load(std::memory_order_acquire);
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
            arrived_.store(0, std::memory_order_relaxed);
            next_.store(0, std::memory_order_relaxed);
            phase_.fetch_add(1, std::memory_order_acq_rel);
            return;
        }
        // Phases are short: look for a while before giving the core away.
        for (int looked = 0; phase_.load(std::memory_order_acquire) == phase; looked++) {
            if (looked > 4000) sched_yield();
            else pause();
        }
    }

    // Call body(item) for this thread's share of the items 0 .. count - 1 of a phase.
    template <class Body>
    void share(int64_t count, Body &&body) {
        for (int64_t item; (item = next_.fetch_add(1, std::memory_order_relaxed)) < count;) body(item);
        wait();
    }

  private:
    std::atomic<int> arrived_{0}, phase_{0};
    std::atomic<int64_t> next_{0};
};

}  // namespace gatelab
