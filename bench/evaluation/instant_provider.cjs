// A provider for promptfoo that answers at once, from a file of answers by the cases' names.
const fs = require("fs");
const path = require("path");

const answers = JSON.parse(fs.readFileSync(path.join(__dirname, "answers.json"), "utf8"));

module.exports = class {
  id() {
    return "instant";
  }

  async callApi(prompt, context) {
    return { output: answers[context.vars.name] };
  }
};
