// Memory of a call: measured first, then laid out in one aligned block that later calls use again.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

#include "vector.hpp"

namespace gatelab {

// Hands out pieces of a block, each on its own cache line. Over no block, it measures how much is needed.
class Arena {
  public:
    explicit Arena(float *block = nullptr) : block_(block) {}

    float *take(int64_t floats) {
        float *piece = block_ ? block_ + used_ : nullptr;
        used_ += (floats + 15) / 16 * 16;
        return piece;
    }
    int64_t used() const { return used_; }

  private:
    float *block_;
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
