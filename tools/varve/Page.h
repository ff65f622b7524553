// Pages of HTML: one file, no scripts, nothing from a network, readable on a
// phone and in the dark.
#ifndef VARVE_TOOLS_PAGE_H
#define VARVE_TOOLS_PAGE_H

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace varve::cli {

/// Text for HTML: &, <, > and quotes escaped.
std::string escaped(std::string_view text);

/// 1234567 as "1,234,567".
std::string grouped(int64_t number);

/// What stands before a page's content: title, style.
std::string pageHead(const std::string &title);

/// A line of a chart: values at x = first, first + 1, ... Values that are not
/// finite are left out.
struct Series {
  std::string name;
  std::vector<double> values;
};

/// A chart of lines as SVG, with a legend; empty where there is nothing to
/// show.
std::string lineChart(const std::vector<Series> &series, int64_t first,
                      const std::string &xName);

/// Bars of named sizes, the largest as long as the page is wide; `unit` stands
/// after each number.
std::string barChart(const std::vector<std::pair<std::string, double>> &bars,
                     const std::string &unit);

/// A node of a graph: what it is called, a second line, the nodes that it reads
/// (all of them earlier), the group that it is drawn in.
struct GraphNode {
  std::string name, detail;
  std::vector<size_t> from;
  std::string group;
};

/// A graph as SVG, from top to bottom: one node a row, edges that skip rows
/// beside them, a frame around what follows each other in one group.
std::string graphChart(const std::vector<GraphNode> &nodes);

} // namespace varve::cli
#endif
