-- Take messages for a worker, and write down in the same step that it holds them, as kombu does after BRPOP.
-- KEYS: kombu's unacked hash and its index, the list of what is unreadable, then the queues.
-- ARGV: the worker's time in s, by which kombu tells how long it has them; the most to take.
-- Returns {queue, message} of each, in turn from all queues; in place of the queue the list's name for what is unreadable.
local function read(raw)
  local message = cjson.decode(raw)
  local properties = message['properties']
  local delivery = properties['delivery_info']
  return properties['delivery_tag'], delivery['exchange'], delivery['routing_key']
end

local taken, most = {}, tonumber(ARGV[2])
local found = true
while found and #taken < most do
  found = false
  for queue = 4, #KEYS do
    local raw = #taken < most and redis.call('RPOP', KEYS[queue])
    if raw then
      found = true
      local readable, tag, exchange, routing_key = pcall(read, raw)
      if readable and type(tag) == 'string' and type(exchange) == 'string' and type(routing_key) == 'string' then
        redis.call('ZADD', KEYS[2], ARGV[1], tag)
        redis.call('HSET', KEYS[1], tag, '[' .. raw .. ',' .. cjson.encode(exchange) .. ',' .. cjson.encode(routing_key) .. ']')
        table.insert(taken, {KEYS[queue], raw})
      else
        redis.call('LPUSH', KEYS[3], raw)
        table.insert(taken, {KEYS[3], raw})
      end
    end
  end
end
return taken
