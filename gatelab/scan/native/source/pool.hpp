// Threads that work together on one call, and wait for each other between its phases.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

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
            if (looked > 4000) std::this_thread::yield();
#if defined(__x86_64__)
            else _mm_pause();
#endif
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

// Threads that stay from call to call. The caller is the first of them.
class Pool {
  public:
    ~Pool() {
        {
            std::lock_guard<std::mutex> lock(mutex_);
            ending_ = true;
        }
        wake_.notify_all();
        for (auto &thread : threads_) thread.join();
    }

    // Call work(team, number) in `threads` threads, or in as many as can be had. Nothing that work calls may throw.
    void run(int threads, const std::function<void(Team &, int)> &work) {
        threads = std::min(threads, at_hand(threads));
        Team team(threads);
        {
            std::lock_guard<std::mutex> lock(mutex_);
            team_ = &team, work_ = &work, busy_ = threads - 1, call_++;
        }
        if (threads > 1) wake_.notify_all();
        {
            FlushDenormals flush;
            work(team, 0);
        }
        std::unique_lock<std::mutex> lock(mutex_);
        done_.wait(lock, [this] { return busy_ == 0; });
    }

  private:
    // How many threads there are with the caller, after starting what is missing of so many.
    int at_hand(int wanted) {
        try {
            while (static_cast<int>(threads_.size()) + 1 < wanted) {
                const int number = static_cast<int>(threads_.size()) + 1;
                threads_.emplace_back([this, number] { serve(number); });
            }
        } catch (const std::system_error &) {
            // The system gives no more of them: the results are the same with fewer.
        }
        return static_cast<int>(threads_.size()) + 1;
    }

    void serve(int number) {
        FlushDenormals flush;
        int64_t seen = 0;
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            wake_.wait(lock, [&] { return ending_ || (call_ != seen && busy_ > 0); });
            if (ending_) return;
            seen = call_;
            if (number >= team_->threads) continue;
            Team &team = *team_;
            const auto &work = *work_;
            lock.unlock();
            work(team, number);
            lock.lock();
            if (--busy_ == 0) done_.notify_one();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_, done_;
    std::vector<std::thread> threads_;
    Team *team_ = nullptr;
    const std::function<void(Team &, int)> *work_ = nullptr;
    int busy_ = 0;
    int64_t call_ = 0;
    bool ending_ = false;
};

}  // namespace gatelab
