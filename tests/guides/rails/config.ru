# An existing application in one file: users in a table of its own, and a current_user.

require "rails"
require "action_controller/railtie"
require "jwt"

class App < Rails::Application
  config.root = __dir__
  config.eager_load = true
  config.load_defaults 6.1
  config.secret_key_base = "of this application alone, and long enough for it"
  config.action_controller.allow_forgery_protection = true
  config.logger = Logger.new(File::NULL)
end

App.initialize!

User = Struct.new(:id, :name, :active, keyword_init: true) do
  def active? = active
  def self.all = @all ||= %w[alice bob].each.with_index(1).map { |name, id| new(id: id, name: name, active: true) }
  def self.find_by(id: nil, name: nil) = all.find { |user| user.id == id.to_i || user.name == name }
end

class ApplicationController < ActionController::Base
  protect_from_forgery with: :exception
  helper_method :current_user

  def current_user = User.find_by(id: session[:user_id])
end

class SessionsController < ApplicationController
  skip_forgery_protection

  def page = render(inline: "<%= csrf_meta_tags %>")

  def create
    session[:user_id] = User.find_by(name: params[:name]).id
    head :no_content
  end

  def disable
    User.find_by(name: params[:name]).active = false
    head :no_content
  end
end

require_relative "chat_controller"

App.routes.draw do
  get "/", to: "sessions#page"
  post "login/:name", to: "sessions#create"
  post "disable/:name", to: "sessions#disable"
  eval File.read(Rails.root.join("routes.txt")) # the lines of the guide
end

run App
