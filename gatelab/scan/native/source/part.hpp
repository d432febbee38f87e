// A share of a layer's units: several threads may compute a step together, where its weights are too many for one.
#pragma once

#include <algorithm>

#include "team.hpp"

namespace gatelab {

// One thread's part, of all units where there is no team. The threads wait for each other whenever one needs what
// another has computed.
struct Part {
    Team *team = nullptr;
    int number = 0;

    bool first() const { return number == 0; }

    // Groups of units [begin, end) of so many; in pairs, as they are computed.
    int64_t begin(int64_t groups) const { return team ? at(groups, number) : 0; }
    int64_t end(int64_t groups) const { return team ? at(groups, number + 1) : groups; }

    void wait() const {
        if (team) team->wait();
    }

  private:
    int64_t at(int64_t groups, int64_t part) const {
        const int64_t pairs = (groups + 1) / 2;
        return std::min(groups, 2 * (pairs * part / team->threads));
    }
};

}  // namespace gatelab
