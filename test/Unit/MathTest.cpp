// --varve-expand-math against the C library in double precision: errors in
// units in the last place over all magnitudes, special values, and the same
// bits for scalars, 8 and 16 lanes, AVX2 and AVX-512.
//
// VARVE_EXHAUSTIVE=1 runs over every float instead of every 1009th (minutes).
#include "EmitHelper.h"
#include "llvm/Object/ObjectFile.h"
#include <cmath>
#include <cstring>
#include <limits>

using namespace varve;

namespace {

constexpr int64_t chunk = 1 << 14;

float fromBits(uint32_t bits) {
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}
uint32_t bitsOf(float f) {
  uint32_t b;
  std::memcpy(&b, &f, 4);
  return b;
}

/// y = op(x [, x2]) over `chunk` elements, `lanes` at a time (0: scalars).
std::string program(const std::string &op, int operands, int lanes,
                    const std::string &element) {
  std::string n = std::to_string(chunk);
  std::string buffer = "memref<" + n + "x" + element + ">";
  std::string vector =
      lanes ? "vector<" + std::to_string(lanes) + "x" + element + ">" : element;
  std::string load = lanes ? "vector.load" : "memref.load";
  std::string store = lanes ? "vector.store" : "memref.store";
  std::string suffix = lanes ? ", " + vector : "";
  std::string text = "func.func @f(%x0: " + buffer + ", ";
  if (operands == 2)
    text += "%x1: " + buffer + ", ";
  text += "%y: " + buffer +
          ", %arena: memref<64xi8>, %t: index, %n: index) {\n"
          "%c0 = arith.constant 0 : index\n"
          "%c1 = arith.constant " +
          std::to_string(lanes ? lanes : 1) +
          " : index\n%end = arith.constant " + n +
          " : index\n"
          "scf.for %i = %c0 to %end step %c1 {\n";
  std::string list;
  for (int i = 0; i < operands; ++i) {
    std::string d = std::to_string(i);
    text += "%a" + d + " = " + load + " %x" + d + "[%i] : " + buffer + suffix +
            "\n";
    list += (i ? ", %a" : "%a") + d;
  }
  text += "%r = math." + op + " " + list + " : " + vector + "\n" + store +
          " %r, %y[%i] : " + buffer + suffix + "\n}\nreturn\n}\n";
  return text;
}

class Compiled {
public:
  Compiled(const std::string &op, int operands, int lanes,
           const std::string &cpu, const std::string &element = "f32") {
    ArtifactDescription d;
    FunctionDescription f;
    f.name = f.symbol = "f";
    for (int i = 0; i < operands; ++i)
      f.inputs.push_back({"x", VARVE_ARG_INPUT, DType::F32, {chunk}, 0});
    f.results.push_back({"y", VARVE_ARG_OUTPUT, DType::F32, {chunk}, 0});
    d.functions.push_back(f);
    so = compile(program(op, operands, lanes, element).c_str(), d, cpu);
    EXPECT_TRUE(so.artifact) << op << ": " << so.error;
  }
  explicit operator bool() const { return so.artifact; }
  template <class T> void run(const T *x, const T *x1, T *y) {
    void *one[] = {(void *)x, y}, *two[] = {(void *)x, (void *)x1, y};
    so.artifact->function[0].run(nullptr, x1 ? two : one, nullptr, nullptr, 0,
                                 1);
  }

private:
  Loaded so;
};

/// |got - want| in units of the last place of `want` as an f32.
double ulps(float got, double want) {
  if (std::isnan(want))
    return std::isnan(got) ? 0 : INFINITY;
  if (float(want) == got && std::signbit(float(want)) == std::signbit(got))
    return std::isinf(got)
               ? 0
               : std::abs(got - want) /
                     std::ldexp(1.0, std::max(std::ilogb(want), -126) - 23);
  if (std::isnan(got) || std::isinf(want))
    return INFINITY;
  if (want == 0)
    return INFINITY;
  // The next value after the largest float, for those that round up to it.
  double value = std::isinf(got) ? std::copysign(0x1p128, got) : got;
  return std::abs(value - want) /
         std::ldexp(1.0, std::max(std::ilogb(want), -126) - 23);
}

struct Function {
  const char *op;
  double (*reference)(double);
  double bound;
};

const Function functions[] = {
    {"exp", [](double x) { return std::exp(x); }, 1.02},
    {"exp2", [](double x) { return std::exp2(x); }, 1.0},
    {"expm1", [](double x) { return std::expm1(x); }, 1.3},
    {"log", [](double x) { return std::log(x); }, 1.0},
    {"log1p", [](double x) { return std::log1p(x); }, 1.25},
    {"log2", [](double x) { return std::log2(x); }, 0.501},
    {"log10", [](double x) { return std::log10(x); }, 0.501},
    {"tanh", [](double x) { return std::tanh(x); }, 0.75},
    {"erf", [](double x) { return std::erf(x); }, 1.03},
    {"sin", [](double x) { return std::sin(x); }, 0.501},
    {"cos", [](double x) { return std::cos(x); }, 0.501},
    {"tan", [](double x) { return std::tan(x); }, 0.501},
    {"atan", [](double x) { return std::atan(x); }, 0.501},
    {"rsqrt", [](double x) { return 1 / std::sqrt(x); }, 1.5},
};

class MathTest : public ::testing::TestWithParam<Function> {};

TEST_P(MathTest, IsAccurateAndTheSameOnEveryWidth) {
  const Function &f = GetParam();
  std::vector<std::string> cpus = levels();
  if (cpus.empty())
    GTEST_SKIP() << "no x86-64 machine";
  std::vector<Compiled> variants;
  for (const std::string &cpu : cpus)
    for (int lanes : {16, 8, 0})
      variants.emplace_back(f.op, 1, lanes, cpu);
  for (Compiled &c : variants)
    ASSERT_TRUE(c);
  const bool exhaustive = getenv("VARVE_EXHAUSTIVE");
  const uint64_t step = exhaustive ? 1 : 1009;
  const size_t compared = exhaustive ? 1 : variants.size();
  std::vector<float> x(chunk), y(chunk), other(chunk);
  double worst = 0;
  float worstAt = 0;
  uint64_t differ = 0;
  for (uint64_t at = 0; at < uint64_t(1) << 32; at += step * chunk) {
    for (int64_t i = 0; i < chunk; ++i)
      x[i] = fromBits(uint32_t(at + step * i));
    variants[0].run<float>(x.data(), nullptr, y.data());
    for (int64_t i = 0; i < chunk; ++i) {
      double e = ulps(y[i], f.reference(x[i]));
      if (e > worst) {
        worst = e;
        worstAt = x[i];
      }
    }
    for (size_t v = 1; v < compared; ++v) {
      variants[v].run<float>(x.data(), nullptr, other.data());
      for (int64_t i = 0; i < chunk; ++i)
        differ += bitsOf(y[i]) != bitsOf(other[i]) &&
                  !(std::isnan(y[i]) && std::isnan(other[i]));
    }
  }
  EXPECT_LE(worst, f.bound)
      << "at " << worstAt << " (0x" << std::hex << bitsOf(worstAt) << ")";
  EXPECT_EQ(differ, 0u) << "bits differ between widths";
  RecordProperty("ulps", std::to_string(worst));
  printf("  %s: %.4f ulp at %.9g\n", f.op, worst, worstAt);
}

TEST_P(MathTest, HandlesSpecialValues) {
  const Function &f = GetParam();
  const float inf = INFINITY, tiny = 0x1p-149f, least = 0x1p-126f;
  std::vector<float> special = {
      0.0f,  -0.0f,   inf,      -inf,    NAN,     1,       -1,      tiny,
      -tiny, least,   -least,   0.5f,    -0.5f,   2,       -2,      100,
      -100,  0x1p24f, -0x1p24f, 0x1p46f, 0x1p47f, 3.0e38f, -3.0e38f};
  // The edges of overflow and underflow.
  for (float edge : {88.72283935546875f, -87.33654f, -103.97208f, 128.0f,
                     -149.0f, -150.0f, -126.0f, 0.625f, 0.927734375f})
    for (float x :
         {edge, std::nextafter(edge, inf), std::nextafter(edge, -inf)})
      special.push_back(x);
  for (const std::string &cpu : levels()) {
    Compiled c(f.op, 1, 16, cpu);
    ASSERT_TRUE(c);
    std::vector<float> x(chunk), y(chunk);
    std::copy(special.begin(), special.end(), x.begin());
    c.run<float>(x.data(), nullptr, y.data());
    for (size_t i = 0; i < special.size(); ++i)
      EXPECT_LE(ulps(y[i], f.reference(x[i])), f.bound)
          << f.op << "(" << x[i] << ") = " << y[i];
  }
}

INSTANTIATE_TEST_SUITE_P(F32, MathTest, ::testing::ValuesIn(functions),
                         [](const auto &info) { return info.param.op; });

TEST(MathPowTest, IsAccurateAndHandlesSpecialValues) {
  std::vector<std::string> cpus = levels();
  if (cpus.empty())
    GTEST_SKIP() << "no x86-64 machine";
  const float inf = INFINITY;
  std::vector<float> values = {
      0.0f,         -0.0f, inf,       -inf,       NAN,      1,
      -1,           2,     -2,        3,          -3,       0.5f,
      -0.5f,        2.5f,  -2.5f,     0x1p24f,    -0x1p24f, 16777215.0f,
      -16777215.0f, 3e38f, 0x1p-149f, -0x1p-149f, 1e-3f,    127,
      -126,         -149};
  std::vector<float> x, y;
  for (float a : values)
    for (float b : values) {
      x.push_back(a);
      y.push_back(b);
    }
  // Pairs whose power is a float of any exponent.
  uint32_t state = 1;
  auto draw = [&] { return (state = state * 1664525u + 1013904223u) >> 8; };
  while (x.size() % chunk || x.size() < 30 * chunk) {
    float base = std::ldexp(1 + draw() * 0x1p-24f, int(draw() % 250) - 125);
    if (draw() % 4 == 0)
      base = 1 + (int(draw() % 4096) - 2048) * 0x1p-20f;
    double l = std::log2(base);
    float power = float((draw() * 0x1p-24 * 280 - 150) / (l ? l : 1));
    x.push_back(base);
    y.push_back(power);
  }
  Compiled wide("powf", 2, 16, cpus.back()), narrow("powf", 2, 8, cpus[0]),
      scalar("powf", 2, 0, cpus[0]);
  ASSERT_TRUE(wide && narrow && scalar);
  std::vector<float> r(chunk), s(chunk), t(chunk);
  double worst = 0;
  for (size_t at = 0; at < x.size(); at += chunk) {
    wide.run<float>(&x[at], &y[at], r.data());
    narrow.run<float>(&x[at], &y[at], s.data());
    scalar.run<float>(&x[at], &y[at], t.data());
    for (int64_t i = 0; i < chunk; ++i) {
      double want = std::pow(double(x[at + i]), double(y[at + i]));
      double e = ulps(r[i], want);
      EXPECT_LE(e, 0.501) << "pow(" << x[at + i] << ", " << y[at + i]
                          << ") = " << r[i] << ", not " << want;
      worst = std::max(worst, e);
      if (!std::isnan(r[i])) {
        EXPECT_EQ(bitsOf(r[i]), bitsOf(s[i]));
        EXPECT_EQ(bitsOf(r[i]), bitsOf(t[i]));
      }
    }
    if (::testing::Test::HasFailure())
      break;
  }
  printf("  pow: %.4f ulp\n", worst);
}

TEST(MathDoubleTest, CallsTheLibrary) {
  std::vector<std::string> cpus = levels();
  if (cpus.empty())
    GTEST_SKIP() << "no x86-64 machine";
  for (const Function &f : functions) {
    Compiled c(f.op, 1, 8, cpus.back(), "f64");
    ASSERT_TRUE(c);
    std::vector<double> x(chunk), y(chunk);
    for (int64_t i = 0; i < chunk; ++i)
      x[i] = (i - 5000) * 0.00731;
    c.run<double>(x.data(), nullptr, y.data());
    for (int64_t i = 0; i < chunk; ++i) {
      double want = f.reference(x[i]);
      if (std::isnan(want))
        EXPECT_TRUE(std::isnan(y[i]));
      else
        EXPECT_EQ(y[i], want) << f.op << "(" << x[i] << ")";
    }
  }
}

/// The value of an f16 or bf16.
double valueOf(uint16_t bits, bool brain) {
  if (brain)
    return fromBits(uint32_t(bits) << 16);
  int e = bits >> 10 & 31, m = bits & 1023;
  double v = e == 31 ? (m ? NAN : INFINITY)
             : e     ? std::ldexp(1024 + m, e - 25)
                     : std::ldexp(m, -24);
  return bits >> 15 ? -v : v;
}

TEST(MathHalfTest, ComputesInSingleAndRoundsOnce) {
  std::vector<std::string> cpus = levels();
  if (cpus.empty())
    GTEST_SKIP() << "no x86-64 machine";
  for (const char *element : {"f16", "bf16"}) {
    const bool brain = element[0] == 'b';
    Compiled c("exp", 1, 16, cpus.back(), element);
    ASSERT_TRUE(c);
    std::vector<uint16_t> x(chunk), y(chunk);
    for (uint32_t at = 0; at < 65536; at += chunk) {
      for (int64_t i = 0; i < chunk; ++i)
        x[i] = uint16_t(at + i);
      c.run<uint16_t>(x.data(), nullptr, y.data());
      for (int64_t i = 0; i < chunk; ++i) {
        double want = std::exp(valueOf(x[i], brain)),
               got = valueOf(y[i], brain);
        if (std::isnan(want)) {
          EXPECT_TRUE(std::isnan(got));
          continue;
        }
        double largest = brain ? 0x1.fep127 : 65504;
        double unit =
            std::ldexp(1.0, brain ? std::max(std::ilogb(want), -126) - 7
                                  : std::max(std::ilogb(want), -14) - 10);
        if (std::isinf(got))
          EXPECT_GE(want, largest + 0.499 * std::ldexp(1.0, brain ? 120 : 5));
        else
          EXPECT_LE(std::abs(got - want), 0.501 * unit)
              << element << " exp(" << valueOf(x[i], brain) << ")";
      }
    }
  }
}

/// x to a float of 8 or 11 significant bits, ties to even.
double rounded(double x, bool brain) {
  int least = brain ? -126 : -14, bits = brain ? 7 : 10;
  if (x == 0 || std::isnan(x) || std::isinf(x))
    return x;
  double unit = std::ldexp(1.0, std::max(std::ilogb(x), least) - bits);
  double r = std::nearbyint(x / unit) * unit;
  double limit = brain ? 0x1p128 : 65536;
  return std::abs(r) >= limit ? std::copysign(INFINITY, x) : r;
}

// Conversions round once, also where f32 lies between.
TEST(NarrowFloatTest, RoundsOnce) {
  std::vector<std::string> cpus = levels();
  if (cpus.empty())
    GTEST_SKIP() << "no x86-64 machine";
  for (const char *element : {"f16", "bf16"}) {
    const bool brain = element[0] == 'b';
    std::string e = element, n = std::to_string(chunk);
    std::string text = "func.func @f(%x: memref<" + n + "xf64>, %i: memref<" +
                       n + "xi32>, %y: memref<" + n + "x" + e +
                       ">, %z: memref<" + n + "x" + e + ">, %s: memref<" + n +
                       "x" + e + R"(>, %arena: memref<64xi8>, %t: index,
        %n: index) {
      %c0 = arith.constant 0 : index
      %c8 = arith.constant 8 : index
      %end = arith.constant )" +
                       n + " : index\nscf.for %k = %c0 to %end step %c8 {\n";
    auto memref = [&](const std::string &t) {
      return "memref<" + n + "x" + t + ">";
    };
    auto vector = [](const std::string &t) { return "vector<8x" + t + ">"; };
    text += "%a = vector.load %x[%k] : " + memref("f64") + ", " +
            vector("f64") + "\n%j = vector.load %i[%k] : " + memref("i32") +
            ", " + vector("i32") + "\n%b = arith.truncf %a : " + vector("f64") +
            " to " + vector(e) + "\n%c = arith.sitofp %j : " + vector("i32") +
            " to " + vector(e) + "\n%d = arith.addf %b, %c : " + vector(e) +
            "\n";
    const char *stores[] = {"%b, %y", "%c, %z", "%d, %s"};
    for (const char *store : stores)
      text += "vector.store " + std::string(store) + "[%k] : " + memref(e) +
              ", " + vector(e) + "\n";
    text += "}\nreturn\n}\n";
    ArtifactDescription d;
    FunctionDescription f;
    f.name = f.symbol = "f";
    f.inputs.resize(2);
    f.results.resize(3);
    d.functions.push_back(f);
    Loaded so = compile(text.c_str(), d, cpus.front());
    ASSERT_TRUE(so.artifact) << so.error;
    std::vector<double> x(chunk);
    std::vector<int32_t> i(chunk);
    std::vector<uint16_t> y(chunk), z(chunk), s(chunk);
    for (int64_t k = 0; k < chunk; ++k) {
      // Half way between two narrow floats, and the least bit more or less.
      double middle = std::ldexp(256 + k % 512 + 0.5, int(k % 40) - 30);
      if (!brain)
        middle = std::ldexp(2048 + k % 4096 + 0.5, int(k % 30) - 30);
      const double beside[] = {middle,
                               std::nextafter(middle, INFINITY),
                               std::nextafter(middle, 0),
                               -middle,
                               1e300,
                               1e-300,
                               -0.0};
      x[k] = beside[k / 7 % 7];
      i[k] = int32_t(k * 40503);
    }
    void *args[] = {x.data(), i.data(), y.data(), z.data(), s.data()};
    so.artifact->function[0].run(nullptr, args, nullptr, nullptr, 0, 1);
    for (int64_t k = 0; k < chunk; ++k) {
      double a = rounded(x[k], brain), b = rounded(i[k], brain);
      ASSERT_EQ(valueOf(y[k], brain), a) << e << " of " << x[k];
      ASSERT_EQ(valueOf(z[k], brain), b) << e << " of " << i[k];
      double sum = rounded(float(a + b), brain);
      if (!std::isnan(sum)) {
        ASSERT_EQ(valueOf(s[k], brain), sum) << e << " " << a << " + " << b;
      }
    }
  }
}

/// The symbols that an object file wants from elsewhere.
std::vector<std::string> undefinedOf(const std::string &object) {
  std::vector<std::string> names;
  auto file = llvm::object::ObjectFile::createObjectFile(
      llvm::MemoryBufferRef(object, "object"));
  EXPECT_TRUE(bool(file)) << llvm::toString(file.takeError());
  for (llvm::object::SymbolRef s : (*file)->symbols()) {
    llvm::StringRef name = *s.getName();
    if ((*s.getFlags() & llvm::object::SymbolRef::SF_Undefined) && !name.empty())
      names.push_back(name.str());
  }
  return names;
}

// Whatever moves, chooses, converts or computes: no artifact has a run-time
// library that converts narrow floats.
TEST(NarrowFloatTest, CallsNothing) {
  std::string text = R"(
    func.func @f(%x: memref<64xELEMENT>, %i: memref<16xi64>, %y: memref<64xELEMENT>,
                 %arena: memref<64xi8>, %t: index, %n: index) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      %c32 = arith.constant 32 : index
      %one = arith.constant 1.0 : ELEMENT
      %ones = arith.constant dense<1.0> : vector<16xELEMENT>
      %other = arith.constant dense<[0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0,
          0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]> : vector<16xELEMENT>
      %m = vector.create_mask %n : vector<16xi1>
      %a = vector.maskedload %x[%c0], %m, %ones
          : memref<64xELEMENT>, vector<16xi1>, vector<16xELEMENT> into vector<16xELEMENT>
      %at = vector.load %i[%c0] : memref<16xi64>, vector<16xi64>
      %b = vector.gather %x[%c0] [%at], %m, %other
          : memref<64xELEMENT>, vector<16xi64>, vector<16xi1>, vector<16xELEMENT> into vector<16xELEMENT>
      %less = arith.cmpf olt, %a, %b : vector<16xELEMENT>
      %c = arith.select %less, %a, %b : vector<16xi1>, vector<16xELEMENT>
      %d = arith.subf %c, %b : vector<16xELEMENT>
      vector.maskedstore %y[%c0], %m, %d
          : memref<64xELEMENT>, vector<16xi1>, vector<16xELEMENT>
      %sum = scf.for %k = %c0 to %n step %c1 iter_args(%s = %one) -> (ELEMENT) {
        %v = memref.load %x[%k] : memref<64xELEMENT>
        %r = arith.mulf %s, %v : ELEMENT
        scf.yield %r : ELEMENT
      }
      %big = arith.cmpf ogt, %sum, %one : ELEMENT
      %e = scf.if %big -> (ELEMENT) {
        %v = memref.load %x[%c16] : memref<64xELEMENT>
        scf.yield %v : ELEMENT
      } else {
        scf.yield %one : ELEMENT
      }
      %all = vector.broadcast %e : ELEMENT to vector<16xELEMENT>
      vector.store %all, %y[%c16] : memref<64xELEMENT>, vector<16xELEMENT>
      %wide = arith.extf %e : ELEMENT to f64
      %whole = arith.fptosi %e : ELEMENT to i64
      %back = arith.sitofp %whole : i64 to f64
      %total = arith.addf %wide, %back : f64
      %narrow = arith.truncf %total : f64 to ELEMENT
      memref.store %narrow, %y[%c32] : memref<64xELEMENT>
      return
    })";
  for (std::string element : {"f16", "bf16"})
    for (const char *cpu : {"x86-64-v3", "x86-64-v4", "neon"}) {
      SCOPED_TRACE(element + " " + cpu);
      std::string mine = text;
      for (size_t at; (at = mine.find("ELEMENT")) != std::string::npos;)
        mine.replace(at, 7, element);
      auto context = emitContext();
      auto module = mlir::parseSourceString<mlir::ModuleOp>(mine, context.get());
      ASSERT_TRUE(module);
      ArtifactDescription d;
      FunctionDescription f;
      f.name = f.symbol = "f";
      f.inputs.resize(2);
      f.results.resize(1);
      d.functions.push_back(f);
      EmitOptions options;
      options.kind = OutputKind::Object;
      options.verify = true;
      auto object = emitBytes(*module, d, *resolveTarget(cpu), options);
      ASSERT_TRUE(object) << object.error().message;
      EXPECT_EQ(undefinedOf(*object), std::vector<std::string>());
    }
}

} // namespace
