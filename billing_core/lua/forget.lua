-- Forget tombstones, so that their events can be accepted again. What is due keeps its payload.
-- KEYS: each event's key.
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == '' then redis.call('DEL', key) end
end
return #KEYS
