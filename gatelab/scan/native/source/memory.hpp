// Memory of a call: measured first, then laid out in one aligned block that later calls use again.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

#include "vector.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace gatelab {

// Hands out pieces of a block, each on its own cache line. Over no block, it measures how much is needed.
class Arena {
  public:
    // `fenced`: for AddressSanitizer, whether nothing but what was asked for may be touched.
    explicit Arena(float *block = nullptr, bool fenced = true) : block_(block), fenced_(fenced) {}

    float *take(int64_t floats) {
        float *piece = block_ ? block_ + used_ : nullptr;
        const int64_t lines = (floats + 15) / 16 * 16 + FENCE;
        if (piece && fenced_) fence(piece, floats, lines);
        used_ += lines;
        return piece;
    }
    int64_t used() const { return used_; }

  private:
#if defined(__SANITIZE_ADDRESS__)
    static constexpr int64_t FENCE = 16;
    static void fence(float *piece, int64_t floats, int64_t lines) {
        ASAN_UNPOISON_MEMORY_REGION(piece, floats * sizeof(float));
        ASAN_POISON_MEMORY_REGION(piece + floats, (lines - floats) * sizeof(float));
    }
#else
    static constexpr int64_t FENCE = 0;
    static void fence(float *, int64_t, int64_t) {}
#endif

    float *block_;
    bool fenced_;
    int64_t used_ = 0;
};

// A block that grows where it must.
class Block {
  public:
    Block() = default;
    Block(const Block &) = delete;
    Block &operator=(const Block &) = delete;
    ~Block() { std::free(data_); }

    float *of(int64_t floats) {
        if (floats > size_) {
            std::free(data_);
            size_ = 0;
            data_ = static_cast<float *>(std::aligned_alloc(4096, (floats * sizeof(float) + 4095) / 4096 * 4096));
            if (!data_) throw std::bad_alloc();
            size_ = floats;
        }
        return data_;
    }

  private:
    float *data_ = nullptr;
    int64_t size_ = 0;
};

}  // namespace gatelab
