-- What became of a call to Stripe. KEYS: the pause, the circuit, the probe.
-- ARGV: 'answered', 'failed' or 'limited'; failures that open the circuit; ms that it stays open; ms to pause if limited.
-- Returns 1 if this call opened the circuit.
if ARGV[1] == 'limited' then
  -- Never shorter than somebody else was told meanwhile.
  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then
    redis.call('SET', KEYS[1], '1', 'PX', ARGV[4])
  end
end
if ARGV[1] ~= 'failed' then
  redis.call('DEL', KEYS[2], KEYS[3])
  return 0
end
local failures = redis.call('HINCRBY', KEYS[2], 'failures', 1)
local half_open = redis.call('DEL', KEYS[3]) == 1
if failures < tonumber(ARGV[2]) and not half_open then
  -- Failures of long ago do not count: an hour without any news is no outage.
  redis.call('PEXPIRE', KEYS[2], 3600000)
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[2], 'until', now + tonumber(ARGV[3]))
redis.call('PEXPIRE', KEYS[2], 3600000)
return half_open and 0 or 1
