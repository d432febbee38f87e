// The C interface: checks, and the phases of a call.
#include "engine.h"

#include <unistd.h>

#include <mutex>

#include "model.hpp"
#include "optimizer.hpp"
#include "pool.hpp"

namespace gatelab {
namespace {

enum Error {
    OK,
    BAD_CELL,
    BAD_PRECISION,
    BAD_LAYERS,
    BAD_HIDDEN,
    BAD_VOCABULARY,
    BAD_EMBEDDING,
    BAD_PARAMETERS,
    BAD_COUNT,
    BAD_THREADS,
    BAD_ROWS,
    BAD_STEPS,
    BAD_WINDOW,
    BAD_TOKEN,
    NULL_POINTER,
    BAD_OPTIMIZER,
    NO_MEMORY,
};

const char *const MESSAGES[] = {
    "no error",
    "cell: no such kind",
    "precision: no such kind",
    "layers: must be from 1 to 64",
    "hidden: must be from 1 to 65536",
    "vocabulary: must be from 1 to 16777216",
    "embedding: must be from 0 (one-hot) to 65536",
    "parameters: a tensor lies outside",
    "count: must be at least 1",
    "threads: must be from 1 to 1024",
    "rows: must be from 1 to 16777216",
    "steps: must be from 1 to 16777216",
    "starts, ends: each row must end where it begins or at most `steps` later, with a token before and behind its end",
    "ids: a token is not in the vocabulary",
    "a pointer is null that must not be",
    "kind: no such optimizer, or its memory is missing",
    "out of memory",
};

// -- Checks: nothing is touched before all of them have passed ------------------------------------------------------------

bool inside(int64_t at, int64_t length, const GatelabShape &shape) {
    return at >= 0 && length >= 0 && at <= shape.parameters && length <= shape.parameters - at;
}

int blocks_of(int cell) {
    switch (cell) {
        case GATELAB_RNN_TANH:
        case GATELAB_RNN_RELU: return 1;
        case GATELAB_GRU_RESET_UPDATE_BEFORE:
        case GATELAB_GRU_RESET_UPDATE_AFTER: return 3;
        case GATELAB_LSTM: return 4;
        default: return 2;
    }
}

bool layer_fits(const GatelabShape &shape, int l) {
    const GatelabLayer &at = shape.layer[l];
    const int64_t hidden = shape.hidden, blocks = blocks_of(shape.cell);
    const int64_t inputs = l ? hidden : shape.embedding ? shape.embedding : shape.vocabulary;
    const bool lstm = shape.cell == GATELAB_LSTM;
    const int64_t gates = lstm ? 4 : blocks - 1;
    const bool after = shape.cell == GATELAB_GRU_RESET_AFTER || shape.cell == GATELAB_GRU_RESET_UPDATE_AFTER;
    return inside(at.input, inputs * blocks * hidden, shape) && inside(at.bias, blocks * hidden, shape) &&
           (!gates || inside(at.gates, hidden * gates * hidden, shape)) &&
           (lstm || inside(at.candidate, hidden * hidden, shape)) && (!after || inside(at.candidate_bias, hidden, shape));
}

Error check(const GatelabShape &s) {
    if (s.cell < 0 || s.cell >= GATELAB_CELLS) return BAD_CELL;
    if (s.precision != GATELAB_FP32) return BAD_PRECISION;
    if (s.layers < 1 || s.layers > GATELAB_MAX_LAYERS) return BAD_LAYERS;
    if (s.hidden < 1 || s.hidden > 65536) return BAD_HIDDEN;
    if (s.vocabulary < 1 || s.vocabulary > 1 << 24) return BAD_VOCABULARY;
    if (s.embedding < 0 || s.embedding > 65536) return BAD_EMBEDDING;
    const int64_t hidden = s.hidden, vocabulary = s.vocabulary;
    if (!inside(s.head_at, hidden * vocabulary, s) || !inside(s.head_bias_at, vocabulary, s)) return BAD_PARAMETERS;
    if (s.embedding && !inside(s.embedding_at, vocabulary * s.embedding, s)) return BAD_PARAMETERS;
    for (int l = 0; l < s.layers; l++)
        if (!layer_fits(s, l)) return BAD_PARAMETERS;
    return OK;
}

Error check(const GatelabShape &shape, const GatelabMember &m) {
    if (!m.ids || !m.starts || !m.ends || !m.parameters) return NULL_POINTER;
    if (m.rows < 1 || m.rows > 1 << 24) return BAD_ROWS;
    if (m.steps < 1 || m.steps > 1 << 24) return BAD_STEPS;
    for (int64_t row = 0; row < m.rows; row++) {
        const int64_t start = m.starts[row], end = m.ends[row];
        if (start < 0 || end < start || end < 1 || end - start > m.steps || end >= m.length) return BAD_WINDOW;
        for (int64_t at = end > start ? start : end - 1; at <= end; at++)
            if (m.ids[at] < 0 || m.ids[at] >= shape.vocabulary) return BAD_TOKEN;
    }
    return OK;
}

Error check(const GatelabUpdate &u) {
    if (u.kind < GATELAB_SGD || u.kind > GATELAB_ADAMW) return BAD_OPTIMIZER;
    if (!u.parameters || !u.gradient) return NULL_POINTER;
    if (u.kind == GATELAB_SGD ? (u.momentum != 0 && !u.first) : (!u.first || !u.second)) return BAD_OPTIMIZER;
    return OK;
}

// -- The phases of a call -------------------------------------------------------------------------------------------------

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

std::mutex one_call_at_a_time;

Workspace &workspace() {
    // A forked child has none of its parent's threads: it begins anew, and leaves the parent's alone.
    static Workspace *present = new Workspace;
    if (present->owner != getpid()) present = new Workspace;
    return *present;
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
    Call(const GatelabShape &shape, GatelabMember *members, int count)
        : model_(shape), members_(members), count_(count), memory_(count) {
        Arena measure;
        model_.lay_out(measure);
        gradient_size_ = measure.used();
        for (int i = 0; i < count; i++) {
            divisions_.emplace_back(members[i], gradient_size_);
            for (int64_t s = 0; s < divisions_[i].slots; s++) tasks_.push_back({i, s, 0});
            work_size_ = std::max(work_size_, work_size(i));
        }
    }

    void run(Workspace &space, int threads) {
        Arena measure;
        lay_out(measure);
        Arena arena(space.shared.of(measure.used()));
        lay_out(arena);
        while (static_cast<int>(space.of_thread.size()) < threads) space.of_thread.push_back(std::make_unique<Block>());
        std::vector<float *> blocks;
        for (int i = 0; i < threads; i++) blocks.push_back(space.of_thread[i]->of(work_size_));
        count_tokens();
        space.pool.run(threads, [&](Team &team, int number) { work(team, blocks[number]); });
        finish();
    }

  private:
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
    std::vector<MemberMemory> memory_;
    std::vector<Division> divisions_;
    std::vector<Task> tasks_;
    int64_t gradient_size_ = 0, work_size_ = 0;
};

}  // namespace
}  // namespace gatelab

using namespace gatelab;

int gatelab_read(const GatelabShape *shape, GatelabMember *members, int32_t count, int32_t threads) {
    if (!shape || !members) return NULL_POINTER;
    if (count < 1) return BAD_COUNT;
    if (threads < 1 || threads > 1024) return BAD_THREADS;
    if (Error error = check(*shape)) return error;
    for (int i = 0; i < count; i++)
        if (Error error = check(*shape, members[i])) return error;
    try {
        std::lock_guard<std::mutex> lock(one_call_at_a_time);
        Call(*shape, members, count).run(workspace(), threads);
    } catch (const std::bad_alloc &) {
        return NO_MEMORY;
    }
    return OK;
}

int gatelab_update(GatelabUpdate *updates, int32_t count) {
    if (!updates) return NULL_POINTER;
    for (int i = 0; i < count; i++)
        if (Error error = check(updates[i])) return error;
    FlushDenormals flush;
    for (int i = 0; i < count; i++) Update::apply(updates[i]);
    return OK;
}

const char *gatelab_explain(int error) {
    return error >= 0 && error <= NO_MEMORY ? MESSAGES[error] : "no such error";
}

int32_t gatelab_abi(void) { return GATELAB_ABI; }
