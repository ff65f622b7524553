// Tables: quoting, types, class names, and the place of every mistake.
#include "Data/Csv.h"
#include <gtest/gtest.h>

using namespace varve;

namespace {

FieldSpec field(std::string name, DType type, std::vector<int64_t> shape = {},
                std::vector<std::string> from = {}, int64_t classes = 0,
                std::vector<std::string> classNames = {}) {
  return {std::move(name), type,    std::move(shape),
          std::move(from), classes, std::move(classNames)};
}

DataSpec irisSpec() {
  return {"csv",
          {},
          {field("flower", DType::F32, {2}, {"petal length", "sepal"}),
           field("species", DType::I64, {}, {}, 2, {"setosa", "virginica"})}};
}

std::string errorOf(const DataSpec &spec, std::string_view text) {
  auto result = parseCsv(spec, text, "f.csv");
  return result ? "" : result.error().message;
}

#define EXPECT_ERROR(spec, text, message)                                      \
  EXPECT_NE(errorOf(spec, text).find(message), std::string::npos)              \
      << errorOf(spec, text)

TEST(Csv, ColumnsToFields) {
  for (std::string end : {"\n", "\r\n"}) {
    auto data = parseCsv(irisSpec(),
                         "sepal,species,petal length,extra" + end +
                             "1.5,virginica,-2e-1,x" + end + end +
                             " 3 ,setosa,+4,y" + end,
                         "f.csv");
    ASSERT_TRUE(data) << data.error().message;
    EXPECT_EQ(data->samples, 2);
    const Tensor *flower = data->find("flower"),
                 *species = data->find("species");
    ASSERT_TRUE(flower && species);
    EXPECT_EQ(flower->shape, (std::vector<int64_t>{2, 2}));
    EXPECT_EQ(species->shape, (std::vector<int64_t>{2}));
    EXPECT_EQ(flower->as<float>()[0], -0.2f);
    EXPECT_EQ(flower->as<float>()[1], 1.5f);
    EXPECT_EQ(flower->as<float>()[2], 4.0f);
    EXPECT_EQ(flower->as<float>()[3], 3.0f);
    EXPECT_EQ(species->as<int64_t>()[0], 1);
    EXPECT_EQ(species->as<int64_t>()[1], 0);
  }
}

TEST(Csv, Quoting) {
  DataSpec spec{"csv", {}, {field("a,\"b\"", DType::I32)}};
  spec.fields.push_back(
      field("c", DType::I64, {}, {}, 2, {"line\nbreak", "say \"hi\""}));
  auto data = parseCsv(spec,
                       "\xef\xbb\xbf\"a,\"\"b\"\"\",c\n"
                       "\"1\",\"line\nbreak\"\n2,\"say \"\"hi\"\"\"",
                       "f.csv");
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->fields[0].values.as<int32_t>()[1], 2);
  EXPECT_EQ(data->fields[1].values.as<int64_t>()[0], 0);
  EXPECT_EQ(data->fields[1].values.as<int64_t>()[1], 1);
  // A line break inside quotes counts.
  EXPECT_ERROR(spec, "\"a,\"\"b\"\"\",c\n1,\"line\nbreak\"\nx,\"\"\n",
               "f.csv:4: ");
}

TEST(Csv, TypesAndSeparator) {
  DataSpec spec{"csv", {{"separator", ";"}}, {}};
  spec.fields = {field("u", DType::U8), field("b", DType::Bool),
                 field("d", DType::F64)};
  auto data = parseCsv(spec, "u;b;d\n255;True;0.1\n0;0;1e300\n", "f.csv");
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->fields[0].values.as<uint8_t>()[0], 255);
  EXPECT_EQ(data->fields[1].values.as<uint8_t>()[0], 1);
  EXPECT_EQ(data->fields[1].values.as<uint8_t>()[1], 0);
  EXPECT_EQ(data->fields[2].values.as<double>()[0], 0.1);
  EXPECT_ERROR(spec, "u;b;d\n256;1;1\n",
               "f.csv:2: column 'u': '256' is not a u8 of field 'u'");
  EXPECT_ERROR(spec, "u;b;d\n-1;1;1\n", "'-1' is not a u8");
  EXPECT_ERROR(spec, "u;b;d\n1;yes;1\n", "'yes' is not a bool");
  EXPECT_ERROR(spec, "u;b;d\n1;1;nan\n", "'nan' is not a f64");
  EXPECT_ERROR(spec, "u;b;d\n1;1;1.0x\n", "'1.0x' is not a f64");
  EXPECT_ERROR(spec, "u;b;d\n1;1;\n", "an empty cell is not a f64");
  spec.options["separator"] = "ab";
  EXPECT_ERROR(spec, "u\n", "a separator is one character");
}

TEST(Csv, MistakesHaveAPlace) {
  DataSpec spec = irisSpec();
  std::string header = "sepal,species,petal length\n";
  EXPECT_ERROR(spec, "", "f.csv:1: there is no header line");
  EXPECT_ERROR(spec, header, "f.csv:1: no rows");
  EXPECT_ERROR(spec, header + "1,setosa,2\n1,setosa\n",
               "f.csv:3: this row has 2 columns, the header has 3");
  EXPECT_ERROR(spec, header + "\n1,setosa,2,3\n", "f.csv:3: this row has 4");
  EXPECT_ERROR(spec, header + "1,versicolor,2\n",
               "f.csv:2: column 'species': 'versicolor' is not one of the "
               "classes 'setosa', 'virginica'");
  EXPECT_ERROR(spec, header + "1,\"setosa,2\n", "a quote is not closed");
  EXPECT_ERROR(spec, header + "1,\"setosa\"x,2\n", "follows a closing quote");
  EXPECT_ERROR(spec, header + "1,set\"osa,2\n", "f.csv:2: a quote inside");
  EXPECT_ERROR(spec, "sepal,species\n1,setosa\n",
               "f.csv:1: there is no column 'petal length' for field 'flower'; "
               "the columns are: sepal, species");
  EXPECT_ERROR(spec, "sepal,species,sepal,petal length\n1,setosa,1,1\n",
               "column 'sepal' stands twice");

  DataSpec numbers{"csv", {}, {field("label", DType::I64, {}, {}, 3)}};
  EXPECT_EQ(errorOf(numbers, "label\n0\n2\n"), "");
  EXPECT_ERROR(numbers, "label\n3\n", "'3' is not a class below 3");
  EXPECT_ERROR(numbers, "label\n-1\n", "is not a class");
  EXPECT_ERROR(numbers, "label\n1.0\n", "is not a class");

  DataSpec wrong{"csv", {}, {field("x", DType::F32, {3}, {"a", "b"})}};
  EXPECT_ERROR(wrong, "a,b\n1,2\n", "is f32[3], but is made from 2 columns");
  DataSpec half{"csv", {}, {field("a", DType::F16)}};
  auto refused = parseCsv(half, "a\n1\n", "f.csv");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::Unsupported);
}

} // namespace
