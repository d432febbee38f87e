// How many operations a second this machine's multiply-adders can do: the ceiling that benchmarks compare with.
#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "engine.h"
#include "vector.hpp"

namespace gatelab {
namespace {

constexpr int CHAINS = REGISTERS == 32 ? 20 : 12;  // enough to hide the latency, few enough for the registers

// Independent multiply-adds in registers, until the time is over. Returns how many vectors were done.
int64_t multiply_add(double seconds, float *result) {
    Vector sums[CHAINS], a = broadcast(0.999f), b = broadcast(0.001f);
    for (int i = 0; i < CHAINS; i++) sums[i] = broadcast(static_cast<float>(i));
    int64_t done = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (std::chrono::steady_clock::now() < end) {
        for (int k = 0; k < 2000; k++)
#pragma GCC unroll 20
            for (int i = 0; i < CHAINS; i++) sums[i] = sums[i] * a + b;
        done += 2000 * CHAINS;
    }
    Vector total{};
    for (int i = 0; i < CHAINS; i++) total += sums[i];
    *result = sum(total);
    return done;
}

}  // namespace
}  // namespace gatelab

double gatelab_fma_peak(int32_t threads, double seconds) {
    std::vector<std::thread> team;
    std::vector<int64_t> done(std::max(threads, 1));
    std::vector<float> results(done.size());
    const auto begun = std::chrono::steady_clock::now();
    for (size_t i = 0; i < done.size(); i++)
        team.emplace_back([&, i] { done[i] = gatelab::multiply_add(seconds, &results[i]); });
    for (auto &thread : team) thread.join();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begun;
    int64_t total = 0;
    for (int64_t n : done) total += n;
    return static_cast<double>(total) * gatelab::LANES * 2 / elapsed.count();
}
