// Charts as SVG. Widths are in units of a phone's screen, 360, so that text
// stays readable there; larger screens scale all of it.
#include "Page.h"
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>

namespace varve::cli {
namespace {

constexpr double chartWidth = 360, chartHeight = 220;
constexpr const char *colours[] = {"#2a78c5", "#d9602b", "#3d9950", "#9455b8",
                                   "#c79a12", "#17909e", "#c43c6b", "#6d6d6d"};

const char *colourOf(size_t i) { return colours[i % std::size(colours)]; }

/// 1, 2 or 5 times a power of ten, so that about `count` steps make `range`.
double niceStep(double range, int count) {
  double raw = range / count;
  double power = std::pow(10, std::floor(std::log10(raw)));
  for (double factor : {1.0, 2.0, 5.0})
    if (factor * power >= raw * 0.999)
      return factor * power;
  return 10 * power;
}

struct Range {
  double low = INFINITY, high = -INFINITY;
  void add(double value) {
    if (!std::isfinite(value))
      return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

std::string line(double x1, double y1, double x2, double y2,
                 const char *style) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" "
                     "y2=\"{:.1f}\" class=\"{}\"/>\n",
                     x1, y1, x2, y2, style);
}

std::string text(double x, double y, const char *anchor,
                 const std::string &content) {
  return fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y,
      anchor, escaped(content));
}

std::string openSvg(double height) {
  return fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\">\n",
                     chartWidth, height);
}

} // namespace

std::string escaped(std::string_view text) {
  std::string result;
  for (char c : text)
    switch (c) {
    case '<':
      result += "&lt;";
      break;
    case '>':
      result += "&gt;";
      break;
    case '&':
      result += "&amp;";
      break;
    case '"':
      result += "&quot;";
      break;
    default:
      result += c;
    }
  return result;
}

std::string grouped(int64_t number) {
  std::string text = std::to_string(number);
  for (int64_t i = static_cast<int64_t>(text.size()) - 3; i > 0; i -= 3)
    text.insert(static_cast<size_t>(i), ",");
  return text;
}

std::string pageHead(const std::string &title) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n<title>{0}</title>\n<style>\n"
      ":root{{color-scheme:light dark}}\n"
      "body{{font:16px/1.4 sans-serif;max-width:40em;margin:0 auto;"
      "padding:1em}}\n"
      "h1{{font-size:1.4em}}h2{{font-size:1.15em;margin-top:1.5em}}\n"
      "svg{{width:100%;height:auto;font:11px sans-serif;display:block}}\n"
      "svg text{{fill:currentColor}}\n"
      ".axis{{stroke:currentColor;stroke-width:.7}}"
      ".grid{{stroke:currentColor;stroke-width:.3;opacity:.35}}\n"
      ".edge{{stroke:currentColor;stroke-width:1;fill:none;opacity:.6}}"
      ".node{{fill:#2a78c533;stroke:#2a78c5}}"
      ".group{{fill:none;stroke:#d9602b;stroke-dasharray:4 3}}\n"
      ".legend span{{display:inline-block;margin-right:1em}}"
      ".legend i{{display:inline-block;width:.8em;height:.8em;"
      "margin-right:.3em}}\n"
      ".wide{{overflow-x:auto}}table{{border-collapse:collapse}}"
      "td,th{{padding:.2em .6em;text-align:right;white-space:nowrap}}"
      "td:first-child,th:first-child{{text-align:left}}"
      "tr:nth-child(even){{background:#8882}}\n"
      ".bar{{display:block;height:.8em;background:#2a78c5;min-width:1px}}"
      ".bars p{{margin:.4em 0 0}}\n"
      "</style>\n<h1>{0}</h1>\n",
      escaped(title));
}

std::string lineChart(const std::vector<Series> &series, int64_t first,
                      const std::string &xName) {
  Range range;
  size_t count = 0;
  for (const Series &each : series) {
    count = std::max(count, each.values.size());
    for (double value : each.values)
      range.add(value);
  }
  if (range.low > range.high)
    return "";
  if (range.high - range.low < 1e-9 * std::max(1.0, std::abs(range.high)))
    range.high = range.low + std::max(1e-3, std::abs(range.low) * 0.1);
  constexpr double left = 46, right = 10, top = 8, bottom = 32;
  double step = niceStep(range.high - range.low, 5);
  double low = std::floor(range.low / step) * step,
         high = std::ceil(range.high / step) * step;
  auto yOf = [&](double value) {
    return top + (chartHeight - top - bottom) * (high - value) / (high - low);
  };
  auto xOf = [&](double index) {
    double last = count > 1 ? static_cast<double>(count - 1) : 1;
    return left + (chartWidth - left - right) * index / last;
  };
  std::string svg = openSvg(chartHeight);
  int digits = static_cast<int>(std::max(0.0, -std::floor(std::log10(step))));
  for (double y = low; y <= high + step / 2; y += step) {
    svg += line(left, yOf(y), chartWidth - right, yOf(y), "grid");
    svg += text(left - 4, yOf(y) + 4, "end", fmt::format("{:.{}f}", y, digits));
  }
  double xStep = std::max(1.0, niceStep(static_cast<double>(count), 8));
  for (double i = 0; i < static_cast<double>(count); i += xStep)
    svg += text(xOf(i), chartHeight - bottom + 14, "middle",
                fmt::format("{:.0f}", static_cast<double>(first) + i));
  svg += line(left, top, left, chartHeight - bottom, "axis");
  svg += line(left, chartHeight - bottom, chartWidth - right,
              chartHeight - bottom, "axis");
  svg += text((left + chartWidth) / 2, chartHeight - 4, "middle", xName);
  std::string legend = "<p class=\"legend\">";
  for (size_t s = 0; s < series.size(); ++s) {
    std::string points;
    const std::vector<double> &values = series[s].values;
    for (size_t i = 0; i < values.size(); ++i)
      if (std::isfinite(values[i])) {
        double x = xOf(static_cast<double>(i));
        points += fmt::format("{:.1f},{:.1f} ", x, yOf(values[i]));
        svg += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2\" "
                           "fill=\"{}\"/>\n",
                           x, yOf(values[i]), colourOf(s));
      }
    svg += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" "
                       "stroke-width=\"1.5\"/>\n",
                       points, colourOf(s));
    legend += fmt::format("<span><i style=\"background:{}\"></i>{}</span>",
                          colourOf(s), escaped(series[s].name));
  }
  return svg + "</svg>\n" + legend + "</p>\n";
}

std::string barChart(const std::vector<std::pair<std::string, double>> &bars,
                     const std::string &unit) {
  double largest = 0;
  for (const auto &[name, value] : bars)
    largest = std::max(largest, value);
  std::string html = "<div class=\"bars\">\n";
  for (const auto &[name, value] : bars)
    html += fmt::format(
        "<p>{}: {:.3f} {}</p><span class=\"bar\" style=\"width:{:.2f}%\">"
        "</span>\n",
        escaped(name), value, escaped(unit),
        largest > 0 ? 100 * value / largest : 0);
  return html + "</div>\n";
}

std::string graphChart(const std::vector<GraphNode> &nodes) {
  if (nodes.empty())
    return "";
  constexpr double width = 200, height = 30, gap = 22, left = 60, top = 16;
  auto yOf = [&](size_t i) {
    return top + static_cast<double>(i) * (height + gap);
  };
  double middle = left + width / 2;
  std::string frames, edges, boxes;
  for (size_t begin = 0, end = 0; begin < nodes.size(); begin = end) {
    while (end < nodes.size() && nodes[end].group == nodes[begin].group)
      ++end;
    if (nodes[begin].group.empty())
      continue;
    double y = yOf(begin) - 9, bottom = yOf(end - 1) + height + 6;
    frames += fmt::format("<rect x=\"8\" y=\"{:.1f}\" width=\"{:.1f}\" "
                          "height=\"{:.1f}\" rx=\"6\" class=\"group\"/>\n",
                          y, chartWidth - 16, bottom - y);
    frames += text(chartWidth - 14, y + 14, "end", nodes[begin].group);
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    const GraphNode &node = nodes[i];
    for (size_t from : node.from) {
      double y1 = yOf(from) + height, y2 = yOf(i);
      if (from + 1 == i) {
        edges += line(middle, y1, middle, y2, "edge");
        continue;
      }
      // Around the nodes between, further out the more there are.
      double out =
          left -
          std::min(46.0, 8 + 6 * std::sqrt(static_cast<double>(i - from)));
      edges += fmt::format("<path d=\"M{0:.1f},{1:.1f} C{2:.1f},{1:.1f} "
                           "{2:.1f},{3:.1f} {0:.1f},{3:.1f}\" "
                           "class=\"edge\"/>\n",
                           left, y1 - height / 2, out - 14, y2 + height / 2);
    }
    boxes += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
                         "height=\"{:.1f}\" rx=\"4\" class=\"node\"/>\n",
                         left, yOf(i), width, height);
    boxes += text(middle, yOf(i) + 13, "middle", node.name);
    boxes += text(middle, yOf(i) + 25, "middle", node.detail);
  }
  return openSvg(yOf(nodes.size() - 1) + height + 12) + frames + edges + boxes +
         "</svg>\n";
}

} // namespace varve::cli
