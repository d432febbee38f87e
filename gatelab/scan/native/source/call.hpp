// The phases of a call: pack the weights, compute tiles, add up their gradients, unpack them.
#pragma once

#include <unistd.h>

#include "model.hpp"
#include "pool.hpp"

namespace gatelab {

// How a member's rows are divided. Rows of a tile are computed together; tiles of a slot are computed one after the
// other and add up in one gradient; slots are added in their order. It depends on the shape alone, never on threads.
struct Division {
    static constexpr int64_t tile = 16;  // fewer read the weights too often, more leave the cache
    int64_t tiles, slots;

    Division(const GatelabMember &m, int64_t gradient) {
        tiles = (m.rows + tile - 1) / tile;
        slots = m.gradient ? std::min<int64_t>(tiles, gradient < 1 << 18 ? 16 : 8) : std::min<int64_t>(tiles, 64);
    }

    int64_t first_tile(int64_t slot) const { return tiles * slot / slots; }
};

struct Task {
    int member;
    int64_t slot;
    double loss;
};

// Memory that stays: a call uses what the largest before it needed.
struct Workspace {
    Pool pool;
    Block shared;
    std::vector<std::unique_ptr<Block>> of_thread;
    pid_t owner = getpid();
};

inline Workspace &workspace() {
    // A forked child has none of its parent's threads: it begins anew, and leaves the parent's alone.
    static Workspace *present = new Workspace;
    if (present->owner != getpid()) present = new Workspace;
    return *present;
}

inline std::mutex &one_at_a_time() {
    static std::mutex mutex;
    return mutex;
}

// Call body(team, number) in so many threads, or in as many as can be had.
template <class Body>
void team(int threads, Body &&body) {
    std::lock_guard<std::mutex> lock(one_at_a_time());
    workspace().pool.run(threads, body);
}

// Call body(item) for the items 0 .. count - 1, divided among threads.
template <class Body>
void share(int threads, int64_t count, Body &&body) {
    team(threads, [&](Team &team, int) { team.share(count, body); });
}

struct MemberMemory {
    ModelWeights weights;
    ModelTransposed transposed;
    std::vector<ModelWeights> slots;
    float *gradients = nullptr, *scratch = nullptr;
    int64_t gradient_size = 0;
};

class Call {
  public:
    Call(const GatelabShape &shape, GatelabMember *members, int count, const int32_t *interrupted)
        : model_(shape), members_(members), count_(count), interrupted_(interrupted), memory_(count) {
        Arena measure;
        model_.lay_out(measure);
        gradient_size_ = measure.used();
        for (int i = 0; i < count; i++) {
            divisions_.emplace_back(members[i], gradient_size_);
            for (int64_t s = 0; s < divisions_[i].slots; s++) tasks_.push_back({i, s, 0});
            work_size_ = std::max(work_size_, work_size(i));
        }
    }

    // False if it was interrupted.
    bool run(Workspace &space, int threads) {
        Arena measure;
        lay_out(measure);
        Arena arena(space.shared.of(measure.used()));
        lay_out(arena);
        while (static_cast<int>(space.of_thread.size()) < threads) space.of_thread.push_back(std::make_unique<Block>());
        std::vector<float *> blocks;
        for (int i = 0; i < threads; i++) blocks.push_back(space.of_thread[i]->of(work_size_));
        count_tokens();
        space.pool.run(threads, [&](Team &team, int number) { work(team, blocks[number]); });
        if (ended_early_.load(std::memory_order_relaxed)) return false;
        finish();
        return true;
    }

  private:
    bool interrupted() {
        if (!interrupted_ || !__atomic_load_n(interrupted_, __ATOMIC_RELAXED)) return false;
        ended_early_.store(true, std::memory_order_relaxed);
        return true;
    }

    int64_t work_size(int i) const {
        Arena measure;
        const GatelabMember &m = members_[i];
        model_.lay_out_work(divisions_[i].tile, m.steps, m.gradient, m.dropout, measure);
        return measure.used();
    }

    void lay_out(Arena &arena) {
        for (int i = 0; i < count_; i++) {
            MemberMemory &memory = memory_[i];
            memory.weights = model_.lay_out(arena);
            memory.scratch = arena.take(model_.scratch());
            if (!members_[i].gradient) continue;
            memory.transposed = model_.lay_out_transposed(arena);
            memory.gradients = arena.take(gradient_size_ * divisions_[i].slots);
            memory.slots.clear();
            for (int64_t s = 0; s < divisions_[i].slots; s++) {
                // Not fenced: a slot is added to another as a whole.
                Arena slot(memory.gradients ? memory.gradients + s * gradient_size_ : nullptr, false);
                memory.slots.push_back(model_.lay_out(slot));
            }
        }
    }

    void count_tokens() {
        for (int i = 0; i < count_; i++) {
            members_[i].tokens = 0;
            for (int64_t row = 0; row < members_[i].rows; row++)
                members_[i].tokens += members_[i].ends[row] - members_[i].starts[row];
        }
    }

    void work(Team &team, float *block) {
        const int parts = model_.parts();
        team.share(static_cast<int64_t>(count_) * parts, [&](int64_t item) {
            const int i = static_cast<int>(item / parts);
            MemberMemory &memory = memory_[i];
            model_.pack(static_cast<int>(item % parts), members_[i].parameters, memory.scratch, memory.weights,
                        members_[i].gradient ? &memory.transposed : nullptr);
        });
        team.share(static_cast<int64_t>(tasks_.size()), [&](int64_t item) { compute(tasks_[item], block); });
        const int64_t piece = 8192, pieces = (gradient_size_ + piece - 1) / piece;
        team.share(count_ * pieces, [&](int64_t item) {
            add_slots(static_cast<int>(item / pieces), item % pieces * piece, piece);
        });
        team.share(static_cast<int64_t>(count_) * parts, [&](int64_t item) {
            const int i = static_cast<int>(item / parts);
            const GatelabMember &m = members_[i];
            if (m.gradient)
                model_.unpack(static_cast<int>(item % parts), memory_[i].slots[0], m.parameters, memory_[i].scratch, m.gradient);
        });
    }

    void compute(Task &task, float *block) {
        const GatelabMember &m = members_[task.member];
        const MemberMemory &memory = memory_[task.member];
        const Division &division = divisions_[task.member];
        Arena arena(block);
        const ModelWork work = model_.lay_out_work(division.tile, m.steps, m.gradient, m.dropout, arena);
        const ModelWeights *g = m.gradient ? &memory.slots[task.slot] : nullptr;
        if (g) std::memset(memory.gradients + task.slot * gradient_size_, 0, gradient_size_ * sizeof(float));
        const float scale = m.tokens ? static_cast<float>(1.0 / static_cast<double>(m.tokens)) : 0;
        for (int64_t tile = division.first_tile(task.slot); tile < division.first_tile(task.slot + 1); tile++) {
            if (interrupted()) return;
            const int64_t at = tile * division.tile, rows = std::min<int64_t>(division.tile, m.rows - at);
            task.loss += model_.tile(m, at, rows, scale, memory.weights, g ? &memory.transposed : nullptr, g, work);
        }
    }

    void add_slots(int i, int64_t from, int64_t count) {
        if (!members_[i].gradient) return;
        float *sums = memory_[i].gradients + from;
        count = std::min(count, gradient_size_ - from);
        for (int64_t s = 1; s < divisions_[i].slots; s++) {
            const float *slot = sums + s * gradient_size_;
            for (int64_t k = 0; k < count; k++) sums[k] += slot[k];
        }
    }

    void finish() {
        for (int i = 0; i < count_; i++) members_[i].loss = 0;
        for (const Task &task : tasks_) members_[task.member].loss += task.loss;
        for (int i = 0; i < count_; i++)
            if (members_[i].gradient) members_[i].square_norm = square_norm(members_[i].gradient, model_.shape.parameters);
    }

    // In eight sums, so that they can be computed side by side.
    static double square_norm(const float *x, int64_t length) {
        double sums[8] = {};
        int64_t i = 0;
        for (; i + 8 <= length; i += 8)
            for (int k = 0; k < 8; k++) sums[k] += static_cast<double>(x[i + k]) * x[i + k];
        for (; i < length; i++) sums[0] += static_cast<double>(x[i]) * x[i];
        return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    }

    const Model model_;
    GatelabMember *members_;
    int count_;
    const int32_t *interrupted_;
    std::atomic<bool> ended_early_{false};
    std::vector<MemberMemory> memory_;
    std::vector<Division> divisions_;
    std::vector<Task> tasks_;
    int64_t gradient_size_ = 0, work_size_ = 0;
};

}  // namespace gatelab
