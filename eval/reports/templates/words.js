// What two texts have in common, word by word.

const CELLS = 3_000_000; // of the table of common lengths: some ten milliseconds, six megabytes

function words(text, language) {
  if (!Intl.Segmenter) return text.match(/[\p{L}\p{M}\p{N}_]+|\s+|[^]/gu) || [];
  return Array.from(new Intl.Segmenter(language || "und", { granularity: "word" }).segment(text), (part) => part.segment);
}

// Of each text its pieces, [text, whether the other has it too]; null where they are too long to compare.
function differences(before, after, language) {
  const old = words(before, language);
  const now = words(after, language);
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail++;
  const left = old.slice(head, old.length - tail);
  const right = now.slice(head, now.length - tail);
  if ((left.length + 1) * (right.length + 1) > CELLS) return null;
  const [keptLeft, keptRight] = common(left, right);
  const all = (list, kept) => list.map((word, at) => [word, at < head || at >= list.length - tail || kept[at - head]]);
  return [joined(all(old, keptLeft)), joined(all(now, keptRight))];
}

// Which words of each belong to the longest sequence that both have.
function common(left, right) {
  const wide = right.length + 1;
  const lengths = new Uint16Array((left.length + 1) * wide);
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      lengths[i * wide + j] = left[i] === right[j]
        ? lengths[(i + 1) * wide + j + 1] + 1
        : Math.max(lengths[(i + 1) * wide + j], lengths[i * wide + j + 1]);
    }
  }
  const keptLeft = new Array(left.length).fill(false);
  const keptRight = new Array(right.length).fill(false);
  for (let i = 0, j = 0; i < left.length && j < right.length;) {
    if (left[i] === right[j]) {
      keptLeft[i++] = true;
      keptRight[j++] = true;
    } else if (lengths[(i + 1) * wide + j] >= lengths[i * wide + j + 1]) i++;
    else j++;
  }
  return [keptLeft, keptRight];
}

function joined(pieces) {
  const found = [];
  for (const [text, isCommon] of pieces) {
    const last = found[found.length - 1];
    if (last && last[1] === isCommon) last[0] += text;
    else found.push([text, isCommon]);
  }
  return found;
}
