#!/usr/bin/env bash
# The four verbs on the demo model, with grpcurl and jq: ./tour.sh 127.0.0.1:50051
# The server answers reflection, so that neither needs the protos.
set -euo pipefail
address=${1:-127.0.0.1:50051}
text='{"path": "stories260k/stories.json"}'
run=$(date +%s%N) # the same request id attaches to the same job, so each run has its own

# call METHOD REQUEST: a line of JSON for each message of the answer.
call() { grpcurl -plaintext -d "$2" "$address" "prunecast.v1.$1" | jq --unbuffered -c .; }

# Measures the unpruned model on 4,096 tokens.
call PruningService/Evaluate "{
  \"request_id\": \"evaluate-$run\", \"model\": \"stories260k\",
  \"measurement\": {\"text\": $text}, \"fidelity\": {\"token_limit\": 4096}
}" | jq -r '.event.evaluation // empty | "evaluate: the unpruned model has a perplexity of \(.metrics.perplexity)"'

# Searches for the best model with a fifth fewer parameters. The job goes on without its caller: if the connection is
# lost, WatchJob gives the events after the last one that was seen.
events=$(mktemp)
trap 'rm -f "$events"' EXIT
show='select(.event.sequence) | .event | "search: event \(.sequence), " +
  if .progress then "\(.progress.activity) \(.progress.done // 0)/\(.progress.total // 0)"
  elif .ended then "ended: \(.ended.search.summary // .ended.error.message)"
  else keys - ["jobId", "sequence", "time"] | first end'
follow() { call "$@" | tee -a "$events" | jq --unbuffered -r "$show"; }
last() { jq -scr "map(.event) | map(select(.sequence)) | last | $1 // empty" "$events"; }

follow PruningService/Search "{
  \"request_id\": \"search-$run\", \"model\": \"stories260k\", \"texts\": {\"text\": $text},
  \"budgets\": [{\"removed_share\": 0.2}], \"effort\": \"EFFORT_QUICK\",
  \"output\": \"grpcurl-winner\", \"overwrite\": true
}" || true
[ -n "$(last .jobId)" ] || exit 1 # refused: grpcurl has said why
give_up=$((SECONDS + 60)) seen=$(last .sequence)
while [ -z "$(last .ended)" ]; do
  [ "$seen" = "$(last .sequence)" ] || give_up=$((SECONDS + 60)) seen=$(last .sequence)
  [ "$SECONDS" -lt "$give_up" ] || exit 1
  echo "search: lost the server after event $seen, resuming"
  sleep 1
  follow JobService/WatchJob "{\"job_id\": \"$(last .jobId)\", \"after_sequence\": $seen}" || true
done
[ -n "$(last .ended.search)" ] || exit 1 # the job failed

# Asks the predictor of the study about the winner, without running the model.
call PruningService/Predict "$(last '.ended.search | {predictor_id: .predictorId, architectures: [.winner.architecture]}')" |
  jq -r '.predictions[] | "predict: the winner\u0027s \(.metric) is \(.mean[0]), from \(.low[0]) to \(.high[0])"'

# Removes a fifth of each layer's heads and channels.
call PruningService/Prune "{
  \"request_id\": \"prune-$run\", \"model\": \"stories260k\", \"uniform_rate\": 0.2,
  \"recipe\": {\"calibration\": {\"text\": $text}}, \"output\": \"grpcurl-pruned\", \"overwrite\": true
}" | jq -r '.event.ended.prune // empty | "prune: wrote \(.output), \(.bytes) bytes"'

# A rate above 1 is refused: the error has a code, a reason to match on, and the fields at fault.
grpcurl -plaintext -format-error -d '{"model": "stories260k", "uniform_rate": 1.5, "output": "never"}' "$address" \
  prunecast.v1.PruningService/Prune 2>&1 | jq -r '"error: code \(.code): \(.message)", (.details[] |
  if .reason then "error: reason \(.reason)" else .fieldViolations[]? | "error: field \(.field): \(.description)" end)' || true
