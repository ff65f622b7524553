// Runs the varve command in a fresh folder with a cache of its own.
#ifndef VARVE_TEST_COMMANDLINE_H
#define VARVE_TEST_COMMANDLINE_H

#include "TemporaryFolder.h"
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>
#include <sys/wait.h>
#include <vector>

namespace varve {

class CommandLine : public testing::Test {
protected:
  /// Runs `varve ARGUMENTS` in the folder and returns the exit status. `setup`
  /// is shell text before it.
  int varve(const std::string &arguments, const std::string &setup = "") {
    std::string command = "cd " + folder.path + " && " + setup +
                          " VARVE_CACHE=cache " VARVE_EXECUTABLE " " +
                          arguments + " >out 2>err </dev/null";
    int state = std::system(command.c_str());
    out = folder.read("out");
    err = folder.read("err");
    return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
  }

  /// The JSON objects that the last command printed.
  std::vector<nlohmann::json> lines() const {
    std::vector<nlohmann::json> result;
    std::istringstream stream(out);
    for (std::string line; std::getline(stream, line);)
      result.push_back(nlohmann::json::parse(line, nullptr, false));
    return result;
  }

  TemporaryFolder folder;
  std::string out, err;
};

} // namespace varve
#endif
