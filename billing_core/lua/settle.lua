-- Settle events whose effect is committed: the payload becomes a tombstone (or, with no window, the key is
-- released so that Stripe can send the event again), and the inbox forgets the event.
-- Only what was claimed is settled: an event that was released and accepted again meanwhile belongs to its new message.
-- KEYS: the inbox, the hash of deliveries, then each event's key. ARGV: window in seconds, each event's ID.
local window = tonumber(ARGV[1])
for event = 1, #ARGV - 1 do
  local key, id = KEYS[2 + event], ARGV[1 + event]
  local claimed = redis.call('HDEL', KEYS[2], id) == 1
  if claimed then
    if window > 0 then redis.call('SET', key, '', 'EX', window) else redis.call('DEL', key) end
  end
  -- An entry without a payload could only be swept for ever.
  if claimed or redis.call('STRLEN', key) == 0 then redis.call('ZREM', KEYS[1], id) end
end
return #ARGV - 1
