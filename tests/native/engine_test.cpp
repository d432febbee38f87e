// The native engine's C interface against the reference, for the sanitizers: `scripts/sanitize` builds and runs it.
#include <cstdio>
#include <cstdlib>

#include "decoder_tests.hpp"
#include "optimizer_tests.hpp"
#include "reading_tests.hpp"
#include "refusal_tests.hpp"
#include "thread_tests.hpp"

// The only argument is the seed of a run that is to be repeated.
int main(int count, char **arguments) {
    seed = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : std::random_device{}();
    Random random(seed);
    check(gatelab_abi() == GATELAB_ABI, "abi", gatelab_abi(), GATELAB_ABI);
    test_reference(random);
    test_bfloat16(random);
    test_same_bits(random);
    test_calls_at_once(random);
    test_threads_come_and_go(random);
    test_fork(random);
    test_decoders(random);
    test_models_together(random);
    test_refused_decoding(random);
    test_optimizers(random);
    test_interruption(random);
    test_refusals(random);
    std::puts("all native tests passed");
}
