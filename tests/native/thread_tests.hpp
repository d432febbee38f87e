// The same bits for any number of threads and members, in other threads and processes.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "checking.hpp"

namespace {

// Members of one shape with their own parameters and texts.
struct Pack {
    Model model;
    std::vector<Case> cases;

    Pack(const Sizes &sizes, Random &random) : model(sizes) {
        for (const Reading &how : {Reading{37, 6, true, true}, Reading{1, 9}, Reading{16, 6, false, true, true}})
            cases.emplace_back(model, how, random);
    }

    std::vector<GatelabMember> members() {
        std::vector<GatelabMember> all;
        for (Case &c : cases) all.push_back(c.member());
        return all;
    }

    // What each computes alone, in one thread.
    std::vector<std::vector<float>> alone() {
        std::vector<std::vector<float>> expected;
        for (Case &c : cases) {
            GatelabMember m = c.member();
            read(model, &m, 1, 1);
            expected.push_back(c.results());
        }
        return expected;
    }
};

void test_same_bits(Random &random) {
    for (int cell = 0; cell < CELLS; cell++) {
        Pack pack({cell, 2, 33, 28, cell % 2 * 6}, random);
        const auto expected = pack.alone();
        for (int threads = 1; threads <= MOST_THREADS; threads++) {
            where = "cell " + std::to_string(cell) + ", " + std::to_string(threads) + " threads";
            for (size_t i = 0; i < pack.cases.size(); i++) {
                GatelabMember m = pack.cases[i].member();
                read(pack.model, &m, 1, threads);
                check_same("alone", pack.cases[i].results(), expected[i]);
            }
            auto members = pack.members();
            read(pack.model, members.data(), static_cast<int>(members.size()), threads);
            for (size_t i = 0; i < members.size(); i++) check_same("in a pack", pack.cases[i].results(), expected[i]);
        }
    }
}

void test_calls_at_once(Random &random) {
    std::vector<Pack> packs;
    for (int i = 0; i < 3; i++) packs.emplace_back(Sizes{GRU_RESET_UPDATE_BEFORE, 1, 20, 28, 0}, random);
    std::vector<std::thread> callers;
    for (Pack &pack : packs)
        callers.emplace_back([&pack, expected = pack.alone()] {
            where = "calls at once";
            for (int threads = MOST_THREADS; threads > 0; threads--) {
                auto members = pack.members();
                read(pack.model, members.data(), static_cast<int>(members.size()), threads);
                for (size_t i = 0; i < members.size(); i++) check_same("results", pack.cases[i].results(), expected[i]);
            }
        });
    for (auto &caller : callers) caller.join();
}

// Between two calls the others look for the next, or have gone to sleep, and not all take part in it.
void test_threads_come_and_go(Random &random) {
    Pack pack({RNN_TANH, 1, 7, 28, 0}, random);
    const auto expected = pack.alone();
    for (int call = 0; call < 300; call++) {
        const int threads = 1 + static_cast<int>(random() % MOST_THREADS);
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 3 * 90));
        where = "call " + std::to_string(call) + ", " + std::to_string(threads) + " threads";
        auto members = pack.members();
        read(pack.model, members.data(), static_cast<int>(members.size()), threads);
        for (size_t i = 0; i < members.size(); i++) check_same("results", pack.cases[i].results(), expected[i]);
    }
}

// A worker forks its child after it was loaded, maybe after it was used: the child has none of its threads.
void test_fork(Random &random) {
#if !defined(__SANITIZE_THREAD__)  // which does not support threads after a fork
    Pack pack({LSTM, 1, 20, 28, 0}, random);
    const auto expected = pack.alone();
    const pid_t child = fork();
    if (child == 0) {
        where = "in a child";
        auto members = pack.members();
        read(pack.model, members.data(), static_cast<int>(members.size()), MOST_THREADS);
        for (size_t i = 0; i < members.size(); i++) check_same("results", pack.cases[i].results(), expected[i]);
        _exit(0);
    }
    int status = 1;
    waitpid(child, &status, 0);
    check(status == 0, "a forked child", status);
#else
    (void)random;
#endif
}

}  // namespace
