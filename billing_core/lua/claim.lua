-- Take up events: return each payload with its count of deliveries, or false where nothing is left to do.
-- The count outlives the worker, so an event that kills its worker is recognised.
-- KEYS: the hash of deliveries, then each event's key. ARGV: each event's ID.
local answers = {}
for event = 1, #ARGV do
  local value = redis.call('GET', KEYS[1 + event])
  if value and value ~= '' then
    answers[event] = {value, redis.call('HINCRBY', KEYS[1], ARGV[event], 1)}
  else
    answers[event] = false
  end
end
return answers
