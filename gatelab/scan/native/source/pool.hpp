// Threads that work together on one call, and wait for each other between its phases.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "team.hpp"

namespace gatelab {

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
        team_ = &team, work_ = &work;
        busy_.store(threads - 1, std::memory_order_relaxed);
        {
            std::lock_guard<std::mutex> lock(mutex_);
            call_.store(call_.load(std::memory_order_relaxed) / CALL * CALL + CALL + static_cast<uint64_t>(threads),
                        std::memory_order_release);
        }
        if (threads > 1) wake_.notify_all();
        {
            FlushDenormals flush;
            work(team, 0);
        }
        // All have come to the end of the last phase: what the others still have to do is to say so.
        while (busy_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
    }

  private:
    static constexpr uint64_t CALL = 1 << 16;
    // How long a thread looks for the next call before it sleeps. Between two steps of a training there is less, and
    // to be woken takes a good part of a small model's step.
    static constexpr std::chrono::microseconds PATIENCE{100};

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
        uint64_t seen = 0;
        for (bool soon = false;;) {
            if (!(soon && comes_soon(seen))) {
                std::unique_lock<std::mutex> lock(mutex_);
                wake_.wait(lock, [&] { return ending_ || call_.load(std::memory_order_relaxed) != seen; });
                if (ending_) return;
            }
            seen = call_.load(std::memory_order_acquire);
            // Who takes no part in a call must not touch it: it may be over.
            soon = static_cast<uint64_t>(number) < seen % CALL;
            if (!soon) continue;
            (*work_)(*team_, number);
            busy_.fetch_sub(1, std::memory_order_release);
        }
    }

    bool comes_soon(uint64_t seen) const {
        const auto until = std::chrono::steady_clock::now() + PATIENCE;
        do {
            for (int looked = 0; looked < 64; looked++) {
                if (call_.load(std::memory_order_acquire) != seen) return true;
                pause();
            }
        } while (std::chrono::steady_clock::now() < until);
        return false;
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<std::thread> threads_;
    // Of the present call; written before `call_`, read by those who take part in it.
    Team *team_ = nullptr;
    const std::function<void(Team &, int)> *work_ = nullptr;
    std::atomic<int> busy_{0};
    std::atomic<uint64_t> call_{0};  // CALL times its number, and how many threads take part
    bool ending_ = false;
};

}  // namespace gatelab
