-- May a call to Stripe go out? One rate and one circuit for all processes.
-- KEYS: the rate, the pause that Stripe asked for, the circuit, the probe.
-- ARGV: milliseconds between two calls, the burst in ms, the longest wait in ms, how long a probe may take in ms.
-- Returns {verdict, ms}: 'go' after that wait; 'open' or 'busy', try again after that.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local opened_until = tonumber(redis.call('HGET', KEYS[3], 'until'))
if opened_until then
  if now < opened_until then
    return {'open', opened_until - now}
  end
  -- Half open: one call tries, the others wait for what it finds.
  if not redis.call('SET', KEYS[4], '1', 'NX', 'PX', ARGV[4]) then
    return {'open', redis.call('PTTL', KEYS[4])}
  end
end

local paused = redis.call('PTTL', KEYS[2])
local free = tonumber(redis.call('GET', KEYS[1])) or 0
-- The bucket, kept as the moment at which it would be full again: each call moves it on by its share.
local full = math.max(free, now)
local wait = math.max(full - now - tonumber(ARGV[2]), paused, 0)
if wait > tonumber(ARGV[3]) then
  if opened_until then
    redis.call('DEL', KEYS[4])
  end
  return {'busy', math.ceil(wait)}
end
local moved = full + tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.3f', moved), 'PX', math.ceil(moved - now) + 1000)
return {'go', math.ceil(wait)}
