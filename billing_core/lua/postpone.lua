-- Give events back unapplied, just before their message is published again for a later try: their moment of
-- queueing is now, and the delivery that ends here did not kill its worker, so it does not count.
-- KEYS: the inbox, the hash of deliveries. ARGV: each event's ID.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
for _, id in ipairs(ARGV) do
  redis.call('ZADD', KEYS[1], 'XX', now, id)
  if redis.call('HINCRBY', KEYS[2], id, -1) <= 0 then redis.call('HDEL', KEYS[2], id) end
end
return #ARGV
