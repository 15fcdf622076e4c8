-- Accept a batch of verified events: dedupe, store and enqueue in one atomic step.
-- KEYS: for each family its inbox and its queue, then for each event its own key, last the bell.
-- ARGV: number of families, a message template for each; then for each event its family (from 1), ID and payload.
-- Returns for each event 1 if it is new, 0 if it was seen before.

-- About a hundred of Stripe's IDs: so many events make one transaction of a worker.
local LARGEST_MESSAGE = 7500

-- Put more IDs into a message that nobody has taken yet; nil if it is full, or not one of ours (a retry is Celery's).
local function joined(message, body, shown)
  if not message or #message + 2 * #body > LARGEST_MESSAGE then return nil end
  local in_body = string.find(message, '\\"]], {}', 1, true)
  local in_shown = string.find(message, "'],)", 1, true)
  if not (in_body and in_shown and in_body < in_shown) then return nil end
  return string.sub(message, 1, in_body + 1) .. ', \\"' .. body .. string.sub(message, in_body, in_shown)
    .. ", '" .. shown .. string.sub(message, in_shown)
end

local families = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answers, accepted = {}, {}
for family = 1, families do accepted[family] = {} end

for event = 1, #KEYS - 2 * families - 1 do
  local at = families + 1 + 3 * (event - 1)
  local family, id, payload = tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  -- The moment of acceptance stands before the payload, because re-queueing moves the inbox's score.
  local value = string.format('%.0f\n', now) .. payload
  if redis.call('SET', KEYS[2 * families + event], value, 'NX') then
    redis.call('ZADD', KEYS[2 * family - 1], now, id)
    table.insert(accepted[family], id)
    answers[event] = 1
  else
    answers[event] = 0
  end
end

for family = 1, families do
  local ids = accepted[family]
  if #ids > 0 then
    local body, shown = table.concat(ids, '\\", \\"'), table.concat(ids, "', '")
    local queue = KEYS[2 * family]
    -- While workers are behind, events join the last message: the more there are, the larger their transactions get.
    local message = joined(redis.call('LINDEX', queue, 0), body, shown)
    if message then
      redis.call('LSET', queue, 0, message)
    else
      message = string.gsub(ARGV[1 + family], '@BODY_IDS@', body)
      message = string.gsub(message, '@SHOWN_IDS@', shown)
      redis.call('LPUSH', queue, message)
    end
    redis.call('LPUSH', KEYS[#KEYS], '')
  end
end
redis.call('LTRIM', KEYS[#KEYS], 0, families - 1)
return answers
