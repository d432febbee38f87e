// How many operations a second this machine can do in products: the ceilings that benchmarks compare with.
#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "checks.hpp"

namespace gatelab {
namespace {

constexpr int CHAINS = REGISTERS == 32 ? 20 : 12;  // enough to hide the latency, few enough for the registers

// Independent products and sums in registers, until the time is over. Returns how many vectors were done.
template <class P>
int64_t multiply_add(double seconds, float *result) {
    // Small, so that the sums stay finite; neither of them known to the compiler.
    Vector sums[CHAINS], a = broadcast(*result), b = a;
    for (int i = 0; i < CHAINS; i++) sums[i] = broadcast(static_cast<float>(i));
    int64_t done = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (std::chrono::steady_clock::now() < end) {
        for (int k = 0; k < 2000; k++)
#pragma GCC unroll 20
            for (int i = 0; i < CHAINS; i++) sums[i] = P::add_product(sums[i], a, b);
        done += 2000 * CHAINS;
    }
    Vector total{};
    for (int i = 0; i < CHAINS; i++) total += sums[i];
    *result = sum(total);
    return done;
}

}  // namespace
}  // namespace gatelab

double gatelab_peak(int32_t precision, int32_t threads, double seconds) {
    auto multiply_add = gatelab::multiply_add<gatelab::Single>;
    int64_t operations = gatelab::LANES * 2;
#if defined(GATELAB_HAS_BF16)
    if (precision == GATELAB_BF16) multiply_add = gatelab::multiply_add<gatelab::Brain>, operations *= 2;
#endif
    if (!gatelab::has(precision)) return 0;
    std::vector<std::thread> team;
    std::vector<int64_t> done(std::max(threads, 1));
    std::vector<float> results(done.size(), 1e-4f);
    const auto begun = std::chrono::steady_clock::now();
    for (size_t i = 0; i < done.size(); i++)
        team.emplace_back([&, i] { done[i] = multiply_add(seconds, &results[i]); });
    for (auto &thread : team) thread.join();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begun;
    int64_t total = 0;
    for (int64_t n : done) total += n;
    return static_cast<double>(total * operations) / elapsed.count();
}
