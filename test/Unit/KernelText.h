// Writes modules with one kernel, and buffers for their arguments.
#ifndef VARVE_TEST_UNIT_KERNELTEXT_H
#define VARVE_TEST_UNIT_KERNELTEXT_H

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace varve {

using Shape = std::vector<int64_t>;

inline int64_t count(const Shape &s) {
  int64_t n = 1;
  for (int64_t d : s)
    n *= d;
  return n;
}

inline std::string join(const Shape &s, const char *by) {
  std::string r;
  for (int64_t d : s)
    r += (d < 0 ? "?" : std::to_string(d)) + by;
  return r;
}

/// The order in memory: physical axis i is axis perm[i]; the last one is cut in
/// panels if panel > 0.
struct Order {
  std::vector<int> perm;
  int64_t panel = 0;

  std::string map(size_t rank) const {
    if (perm.empty())
      return "";
    auto d = [](int i) { return "d" + std::to_string(i); };
    std::string dims, axes;
    for (size_t i = 0; i < rank; ++i)
      dims += (i ? ", " : "") + d(i);
    std::string by = std::to_string(panel);
    if (panel)
      axes = d(perm.back()) + " floordiv " + by + ", ";
    for (size_t i = 0; i < rank; ++i)
      axes += (i ? ", " : "") + d(perm[i]) +
              (panel && i + 1 == rank ? " mod " + by : "");
    return ", affine_map<(" + dims + ") -> (" + axes + ")>";
  }
  int64_t size(const Shape &s) const {
    if (!panel)
      return count(s);
    int64_t last = s[perm.back()];
    return count(s) / last * ((last + panel - 1) / panel * panel);
  }
  int64_t at(const Shape &s, const Shape &index) const {
    int64_t offset = 0;
    for (size_t i = 0; i < s.size(); ++i) {
      int d = perm.empty() ? int(i) : perm[i];
      int64_t x = index[d], n = s[d];
      if (panel && i + 1 == s.size())
        n = panel, x %= panel;
      offset = offset * n + x;
    }
    if (panel) {
      int64_t whole = count(s) / s[perm.back()] * panel;
      offset += index[perm.back()] / panel * whole;
    }
    return offset;
  }
};

struct Argument {
  Shape shape;
  std::string type = "f32";
  Order order;

  std::string tensor() const {
    return "tensor<" + join(shape, "x") + type + ">";
  }
  std::string memref() const {
    return "memref<" + join(shape, "x") + type + order.map(shape.size()) + ">";
  }
};

/// `step(ins..., outs...)` calls one kernel with arguments %a0, %a1, ... whose
/// body ends before the yield of `yields`.
inline std::string kernelModule(const std::vector<Argument> &ins,
                                const std::vector<Argument> &outs,
                                const std::string &body,
                                const std::string &yields) {
  std::vector<Argument> all = ins;
  all.insert(all.end(), outs.begin(), outs.end());
  std::string def, parameters, entry, names[2], types[2], exit;
  auto list = [](std::string &s, const std::string &item) {
    s += (s.empty() ? "" : ", ") + item;
  };
  for (size_t i = 0; i < all.size(); ++i) {
    std::string n = std::to_string(i), t = all[i].tensor(), m = all[i].memref();
    bool out = i >= ins.size();
    list(def, "%a" + n + ": " + t);
    list(parameters, "%m" + n + ": " + m);
    entry += "  %t" + n + " = bufferization.to_tensor %m" + n + " restrict " +
             (out ? "writable " : "") + ": " + m + " to " + t + "\n";
    list(names[out], "%t" + n);
    list(types[out], t);
    if (out) {
      std::string r =
          outs.size() > 1 ? "%r#" + std::to_string(i - ins.size()) : "%r";
      exit += "  bufferization.materialize_in_destination " + r +
              " in restrict writable %m" + n + " : (" + t + ", " + m +
              ") -> ()\n";
    }
  }
  std::string results =
      outs.size() > 1 ? "%r:" + std::to_string(outs.size()) : "%r";
  return "kernel.def @k ins = " + std::to_string(ins.size()) + " {\n^bb0(" +
         def + "):\n" + body + "\n  kernel.yield " + yields + " : " + types[1] +
         "\n}\nfunc.func @step(" + parameters + ") {\n" + entry + "  " +
         results + " = kernel.call @k ins(" + names[0] +
         (ins.empty() ? "" : " : ") + types[0] + ") outs(" + names[1] + " : " +
         types[1] + ") -> " + types[1] + "\n" + exit + "  return\n}\n";
}

/// A buffer between guards, filled with zeros or small random values that no
/// product of two holds exactly.
template <class T> struct Filled {
  static constexpr size_t guard = 64;
  std::vector<T> storage;
  size_t size;
  T *data;

  Filled(int64_t n, std::mt19937 *rng = nullptr)
      : storage(n + 2 * guard + 64), size(n) {
    auto p = reinterpret_cast<uintptr_t>(storage.data() + guard);
    data = reinterpret_cast<T *>((p + 63) / 64 * 64);
    memset(storage.data(), 0x5a, storage.size() * sizeof(T));
    for (size_t i = 0; i < size; ++i)
      data[i] = rng ? T(int((*rng)() % 2001) - 1000) / T(700) : T(0);
  }
  T &operator[](int64_t i) { return data[i]; }
  /// Whether nothing before or after it was written.
  bool intact() const {
    auto *p = reinterpret_cast<const unsigned char *>(storage.data());
    auto *lo = reinterpret_cast<const unsigned char *>(data);
    auto *hi = reinterpret_cast<const unsigned char *>(data + size);
    for (size_t i = 0; i < storage.size() * sizeof(T); ++i)
      if ((p + i < lo || p + i >= hi) && p[i] != 0x5a)
        return false;
    return true;
  }
};

} // namespace varve

#endif
