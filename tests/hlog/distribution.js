// Prints the percentile distribution of all measured response times of an interval log, in milliseconds,
// as the JavaScript HdrHistogram writes it: what `gander report --format hgrm` has to be to the letter.

import { readFileSync } from 'node:fs';
import hdr from 'hdr-histogram-js';

const HIGHEST_US = 3_600_000_000;

const reader = new hdr.HistogramLogReader(readFileSync(process.argv[2], 'utf8'), 64);
const all = hdr.build({
  bitBucketSize: 64,
  lowestDiscernibleValue: 1,
  highestTrackableValue: HIGHEST_US,
  numberOfSignificantValueDigits: 3,
});
let histogram;
while ((histogram = reader.nextIntervalHistogram()) !== null) {
  const parts = histogram.tag.split('/');
  if (parts[0] === 'measured' && parts[8] === 'response') {
    all.add(histogram);
  }
}
process.stdout.write(all.outputPercentileDistribution(5, 1000));
