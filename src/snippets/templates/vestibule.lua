-- Asks Vestibule about a request of HAProxy's. Printed by `vestibule gateway haproxy-lua`; haproxy.cfg loads it and says
-- at which path to ask (txn.vestibule_path). Needs core.httpclient: HAProxy 2.5 or newer.
--
-- 200 sets txn.vestibule_allowed, and a variable for each identity header. Any other answer goes to the client as it is.
-- Whatever goes wrong here is 503: nobody passes unjudged.

local AUTHZ = "http://{{ setup.authz }}"

-- The identity headers of the answer, and the variables that hold them, by the path at which is asked.
local IDENTITY = {
{% for front in setup.applications() %}    ["{{ setup.question(front, "forward-auth") }}"] = {
{% for header in front.headers %}        ["{{ header.lower() }}"] = "txn.vestibule_{{ header.variable() }}",
{% endfor %}    },
{% endfor %}}

-- What an answer that is no 200 may say to the client.
local TOLD = {
    "location", "content-type", "cache-control", "content-security-policy", "referrer-policy", "retry-after", "vary",
    "x-content-type-options", "x-frame-options", "cross-origin-opener-policy", "cross-origin-resource-policy",
    "access-control-allow-origin", "access-control-allow-credentials", "set-cookie",
}

-- What the question does not carry: what belongs to the connection or the body, what asks for another answer than the
-- whole one, and everything that the gate reads as the gateway's own word.
local KEPT_BACK = {
    ["connection"] = true, ["keep-alive"] = true, ["proxy-connection"] = true, ["te"] = true, ["trailer"] = true,
    ["transfer-encoding"] = true, ["content-length"] = true, ["content-type"] = true, ["expect"] = true, ["range"] = true,
    ["if-match"] = true, ["if-none-match"] = true, ["if-modified-since"] = true, ["if-unmodified-since"] = true,
    ["if-range"] = true, ["accept-encoding"] = true, ["host"] = true,
}

local function refuse(txn)
    local reply = txn:reply()
    reply:set_status(503)
    reply:add_header("content-type", "text/plain")
    reply:add_header("cache-control", "no-store")
    reply:set_body("The gate cannot be asked.\n")
    txn:done(reply)
end

local function question(txn)
    local headers = {}
    for name, values in pairs(txn.http:req_get_headers()) do
        local folded = name:lower():gsub("[^a-z0-9]", "-")
        if not KEPT_BACK[folded] and not folded:find("^x%-forwarded%-") then
            headers[name] = {}
            for place, value in pairs(values) do
                -- HAProxy counts from 0, the client's table from 1.
                headers[name][place + 1] = value
            end
        end
    end
    headers["x-forwarded-method"] = { txn.f:method() }
    headers["x-forwarded-host"] = { txn.f:req_fhdr("host") }
    headers["x-forwarded-uri"] = { txn.f:pathq() }
    headers["x-forwarded-for"] = { txn.f:src() }
{% if let Some(secret) = setup.secret_header %}    -- The gate's secret for gateways (gateways.secret_file). Put it in here.
    headers["{{ secret }}"] = { "@GATEWAY_SECRET@" }
{% endif %}    return headers
end

core.register_action("vestibule_ask", { "http-req" }, function(txn)
    local path = txn:get_var("txn.vestibule_path")
    local identity = IDENTITY[path]
    local asked, answer = pcall(function()
        local client = core.httpclient()
        return client:get({ url = AUTHZ .. path, headers = question(txn), timeout = 5000 })
    end)
    if not identity or not asked or not answer or not answer.status or answer.status < 200 or answer.status > 403 then
        return refuse(txn)
    end
    if answer.status == 200 then
        for name, variable in pairs(identity) do
            local values = answer.headers[name]
            -- Every one of them is in every such answer, once.
            if not values or not values[0] or values[1] then return refuse(txn) end
            txn:set_var(variable, values[0])
        end
        txn:set_var("txn.vestibule_allowed", true)
        return
    end
    local reply = txn:reply()
    reply:set_status(answer.status)
    for _, name in ipairs(TOLD) do
        for place = 0, #(answer.headers[name] or {}) do
            local value = (answer.headers[name] or {})[place]
            if value then reply:add_header(name, value) end
        end
    end
    reply:set_body(answer.body or "")
    txn:done(reply)
end)
