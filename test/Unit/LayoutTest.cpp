// State between memory and canonical order, against the formula of Artifact.h
// written out.
#include "varve-c/Runtime.h"
#include <cstring>
#include <gtest/gtest.h>
#include <numeric>
#include <string>
#include <vector>

namespace {

struct Layout {
  std::vector<int64_t> shape, perm;
  int64_t panel;
};

/// Where a canonical element lies in memory: physical axis i is canonical axis
/// perm[i]; the last physical axis is cut in panels, [number][others][panel].
int64_t placeOf(const Layout &layout, const std::vector<int64_t> &index) {
  size_t rank = layout.shape.size();
  std::vector<int64_t> sizes, at;
  for (int64_t axis : layout.perm) {
    sizes.push_back(layout.shape[axis]);
    at.push_back(index[axis]);
  }
  if (layout.panel) {
    int64_t last = sizes[rank - 1], i = at[rank - 1];
    sizes.pop_back();
    at.pop_back();
    sizes.insert(sizes.begin(), (last + layout.panel - 1) / layout.panel);
    at.insert(at.begin(), i / layout.panel);
    sizes.push_back(layout.panel);
    at.push_back(i % layout.panel);
  }
  int64_t place = 0;
  for (size_t i = 0; i < sizes.size(); ++i)
    place = place * sizes[i] + at[i];
  return place;
}

int64_t physicalElements(const Layout &layout) {
  int64_t elements = 1;
  for (size_t i = 0; i < layout.perm.size(); ++i) {
    int64_t size = layout.shape[layout.perm[i]];
    if (layout.panel && i + 1 == layout.perm.size())
      size = (size + layout.panel - 1) / layout.panel * layout.panel;
    elements *= size;
  }
  return elements;
}

varve_state_desc describe(const Layout &layout, int64_t dtype) {
  varve_state_desc state{};
  state.name = "w";
  state.of = "";
  state.dtype = dtype;
  state.rank = static_cast<int64_t>(layout.shape.size());
  state.shape = layout.shape.data();
  state.perm = layout.perm.data();
  state.panel = layout.panel;
  state.bytes =
      physicalElements(layout) * static_cast<int64_t>(varve_dtype_bytes(dtype));
  return state;
}

const Layout layouts[] = {
    {{}, {}, 0},
    {{7}, {0}, 0},
    {{7}, {0}, 4},
    {{8}, {0}, 4},
    {{0, 3}, {0, 1}, 0},
    {{3, 0}, {1, 0}, 2},
    {{3, 5}, {0, 1}, 0},
    {{3, 5}, {1, 0}, 0},
    {{3, 5}, {0, 1}, 2},
    {{3, 5}, {1, 0}, 2},
    {{784, 128}, {0, 1}, 32},
    {{10, 128}, {1, 0}, 16},
    {{4, 3, 2, 5}, {2, 3, 1, 0}, 3},
    {{4, 3, 2, 5}, {3, 1, 0, 2}, 0},
    {{4, 3, 2, 5}, {0, 1, 2, 3}, 4},
    {{2, 1, 3, 1, 2}, {4, 2, 0, 1, 3}, 8},
};

template <class T> void checkRoundTrip(const Layout &layout, int64_t dtype) {
  varve_state_desc state = describe(layout, dtype);
  varve_error error;
  ASSERT_TRUE(varve_state_check(&state, &error)) << error.message;
  int64_t elements = varve_state_elements(&state);
  std::vector<T> canonical(elements), back(elements);
  std::iota(canonical.begin(), canonical.end(), T(1));
  std::vector<T> expected(physicalElements(layout), T(0));
  std::vector<int64_t> index(layout.shape.size());
  for (int64_t i = 0; i < elements; ++i) {
    int64_t rest = i;
    for (size_t axis = index.size(); axis-- > 0;) {
      index[axis] = rest % layout.shape[axis];
      rest /= layout.shape[axis];
    }
    expected[placeOf(layout, index)] = canonical[i];
  }
  std::vector<T> physical(expected.size(), T(99)); // padding must become zero
  varve_state_import(&state, canonical.data(), physical.data());
  EXPECT_EQ(physical, expected);
  varve_state_export(&state, physical.data(), back.data());
  EXPECT_EQ(back, canonical);
}

TEST(Layout, FollowsTheFormulaInBothDirections) {
  for (const Layout &layout : layouts) {
    SCOPED_TRACE(testing::PrintToString(layout.shape) + " by " +
                 testing::PrintToString(layout.perm) + " in panels of " +
                 std::to_string(layout.panel));
    checkRoundTrip<uint8_t>(layout, VARVE_U8);
    checkRoundTrip<uint16_t>(layout, VARVE_BF16);
    checkRoundTrip<float>(layout, VARVE_F32);
    checkRoundTrip<int64_t>(layout, VARVE_I64);
  }
}

// The window as a tensor of its own in its layout, then the other elements in
// canonical order.
TEST(Layout, KeepsWhatIsOutsideAWindowBehindIt) {
  const int64_t shape[] = {4, 2, 3, 3}, window[] = {0, 0, 1, 0, 4, 2, 1, 2};
  Layout part{{4, 2, 1, 2}, {2, 3, 1, 0}, 2};
  varve_state_desc state = describe(part, VARVE_F32);
  state.shape = shape;
  state.window = window;
  state.bytes = 4 * 2 * 3 * 3 * 4;
  varve_error error;
  ASSERT_TRUE(varve_state_check(&state, &error)) << error.message;
  std::vector<float> canonical(72), expected(72), physical(72), back(72);
  std::iota(canonical.begin(), canonical.end(), 1.f);
  size_t tail = 16;
  for (int64_t i = 0; i < 72; ++i) {
    int64_t o = i / 18, c = i / 9 % 2, y = i / 3 % 3, x = i % 3;
    bool inside = y == 1 && x < 2;
    expected[inside ? placeOf(part, {o, c, 0, x}) : tail++] = canonical[i];
  }
  varve_state_import(&state, canonical.data(), physical.data());
  EXPECT_EQ(physical, expected);
  varve_state_export(&state, physical.data(), back.data());
  EXPECT_EQ(back, canonical);

  state.bytes -= 4;
  EXPECT_FALSE(varve_state_check(&state, &error));
  state.bytes += 4;
  const int64_t beyond[] = {0, 0, 3, 0, 4, 2, 1, 2};
  state.window = beyond;
  EXPECT_FALSE(varve_state_check(&state, &error));
  EXPECT_STREQ(error.message, "state 'w': its window is not inside it");
}

TEST(Layout, RefusesWhatDoesNotFitTogether) {
  auto messageOf = [](varve_state_desc state) {
    varve_error error{};
    EXPECT_FALSE(varve_state_check(&state, &error));
    return std::string(error.message);
  };
  Layout layout{{3, 5}, {1, 0}, 2};
  varve_state_desc good = describe(layout, VARVE_F32);
  ASSERT_TRUE(varve_state_check(&good, nullptr));

  varve_state_desc bad = good;
  bad.bytes = 60;
  EXPECT_EQ(messageOf(bad), "state 'w' says 60 bytes, its layout has 80");
  bad = good;
  bad.dtype = 13;
  EXPECT_EQ(messageOf(bad), "state 'w' has the unknown type 13");
  bad = good;
  bad.rank = 17;
  EXPECT_EQ(messageOf(bad), "state 'w' has rank 17, outside 0 to 16");
  bad = good;
  const int64_t twice[] = {1, 1}, beyond[] = {0, 2};
  bad.perm = twice;
  EXPECT_EQ(messageOf(bad), "state 'w': its layout is no permutation");
  bad.perm = beyond;
  EXPECT_EQ(messageOf(bad), "state 'w': its layout is no permutation");
  bad = good;
  const int64_t negative[] = {3, -5}, huge[] = {1ll << 40, 1ll << 40};
  bad.shape = negative;
  EXPECT_EQ(messageOf(bad), "state 'w' has an impossible size");
  bad.shape = huge;
  EXPECT_EQ(messageOf(bad), "state 'w' has an impossible size");
  bad = good;
  bad.panel = -1;
  EXPECT_EQ(messageOf(bad), "state 'w' has panels of -1");
}

} // namespace
